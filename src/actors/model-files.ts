/** Model files, as the model actor needs them: a port, so that a simulated mesh has no disk. */
import type { ServedModel } from '../machines/model.js';

export interface ModelFiles {
  /** Where the file for a name or path is. Returns what abandons the search. */
  locate(wanted: string, on: { found(path: string): void; refused(reason: string): void }): () => void;
  /** Reads the header and hashes the whole. `mustProbe` is false where this very file is known to be harmless. */
  verify(
    wanted: string,
    path: string,
    on: { verified(model: ServedModel, mustProbe: boolean): void; refused(reason: string): void },
  ): () => void;
  /** This file survived a probe: it need not be tried again. */
  rememberProbe(sha256: string): void;
}
