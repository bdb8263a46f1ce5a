/** The model actor's port to model files, so that a simulated mesh needs no disk. */
import type { FetchedModel } from '../../machines/fetch.js';
import type { ServedModel } from '../../machines/model.js';

export interface LocateEvents {
  found(path: string): void;
  /** It is not on this disk, but may be available elsewhere: a name, a SHA-256 or an address was asked for. */
  missing(reason: string): void;
  refused(reason: string): void;
}

export interface ModelFiles {
  /** Finds the file for a name, a SHA-256, an address or a path. Returns a function that cancels the search. */
  locate(wanted: string, on: LocateEvents): () => void;
  /** Reads the header and hashes the whole file. `mustProbe` is false if this exact file is known to be harmless. */
  verify(
    wanted: string,
    path: string,
    on: { verified(model: ServedModel, mustProbe: boolean): void; refused(reason: string): void },
  ): () => void;
  /** A file with this SHA-256 survived a probe and need not be probed again. */
  rememberProbe(sha256: string): void;
  /** A file that has just been fetched, and was read completely in the process. */
  noteFetched(model: FetchedModel): void;
  /** Deletes a fetched file that must not be loaded. */
  discard(path: string): void;
}
