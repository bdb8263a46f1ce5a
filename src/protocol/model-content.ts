/** A model file's content, whatever its name: enough to fetch it from strangers and to verify that it is complete. */
export interface ModelContent {
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** BLAKE2b-256 of the hash tree over its blocks of 1 MiB, hex. The key of its core follows from this and `bytes`. */
  readonly tree: string;
}
