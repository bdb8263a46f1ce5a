/** What the node says to itself about a model that it serves. */
export interface ServedModel {
  readonly name: string;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
  readonly bytes: number;
  readonly path: string;
  /** Tokens a sequence, as set or as chosen for this machine. */
  readonly contextSize: number;
  /** Of everything, with all its sequences, as estimated. */
  readonly memoryBytes: number;
}

/** What an engine chose for a model when it loaded it. */
export interface LoadedModel {
  /** Tokens a sequence. */
  readonly contextSize: number;
  readonly slots: number;
  readonly threads: number;
  /** 'cuda', 'metal', 'vulkan' or 'cpu'. */
  readonly device: string;
  readonly capabilities: readonly string[];
}
