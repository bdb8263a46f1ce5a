/** Model files, as the model actor needs them: a port, so that a simulated mesh has no disk. */
import type { FetchedModel } from '../../machines/fetch.js';
import type { ServedModel } from '../../machines/model.js';

export interface LocateEvents {
  found(path: string): void;
  /** It is not on this disk, and what was asked for may be had elsewhere: a name, a SHA-256, an address. */
  missing(reason: string): void;
  refused(reason: string): void;
}

export interface ModelFiles {
  /** Where the file for a name, a SHA-256, an address or a path is. Returns what abandons the search. */
  locate(wanted: string, on: LocateEvents): () => void;
  /** Reads the header and hashes the whole. `mustProbe` is false where this very file is known to be harmless. */
  verify(
    wanted: string,
    path: string,
    on: { verified(model: ServedModel, mustProbe: boolean): void; refused(reason: string): void },
  ): () => void;
  /** This file survived a probe: it need not be tried again. */
  rememberProbe(sha256: string): void;
  /** A file that has just been fetched, and read as a whole for it. */
  noteFetched(model: FetchedModel): void;
  /** A file that was fetched, and that nobody should load. */
  discard(path: string): void;
}
