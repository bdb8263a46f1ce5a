/** Facts about a served model, passed between actors. */
export interface ServedModel {
  readonly name: string;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
  readonly bytes: number;
  readonly path: string;
  /** Tokens per sequence, as set or as chosen for this machine. */
  readonly contextSize: number;
  /** Estimated memory in total, with all its sequences. */
  readonly memoryBytes: number;
}

/** What an engine chose when it loaded a model. */
export interface LoadedModel {
  /** Tokens per sequence. */
  readonly contextSize: number;
  readonly slots: number;
  readonly threads: number;
  /** 'cuda', 'metal', 'vulkan' or 'cpu'. */
  readonly device: string;
  readonly capabilities: readonly string[];
}
