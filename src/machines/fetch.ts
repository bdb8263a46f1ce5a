/** Data that the parts of a fetch exchange. */
import type { ModelContent } from '../protocol/model-content.js';

interface AnySource {
  /** The name it is stored under: the file's name without `.gguf`. */
  readonly name: string;
  /** Estimated memory to serve it; undefined if nobody has read its header. */
  readonly memoryBytes: number | undefined;
}

/** Where a model can come from. */
export type ModelSource =
  | (AnySource & { readonly kind: 'mesh'; readonly content: ModelContent })
  | (AnySource & {
      readonly kind: 'uri';
      readonly uri: string;
      /** Undefined unless known for certain. */
      readonly bytes: number | undefined;
      readonly sha256: string | undefined;
      /** Approximate size, if known. */
      readonly aboutBytes: number | undefined;
    });

/** A complete model in its place. */
export interface FetchedModel {
  readonly path: string;
  readonly content: ModelContent;
}

export type FetchOutcome =
  | { readonly kind: 'fetched'; readonly model: FetchedModel }
  | { readonly kind: 'failed'; readonly reasons: readonly string[] }
  | { readonly kind: 'stopped' };
