/** What a model's file is, whatever it is called: enough to fetch it from strangers and to know that it is whole. */
export interface ModelContent {
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** BLAKE2b-256 of the hash tree over its blocks of 1 MiB, hex. The key of its core follows from this and `bytes`. */
  readonly tree: string;
}
