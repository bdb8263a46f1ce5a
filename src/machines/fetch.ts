/** What the parts of a fetch say to each other about it. */
import type { ModelContent } from '../protocol/model-content.js';

interface AnySource {
  /** Under which it is put in its place: the file's name without `.gguf`. */
  readonly name: string;
  /** To serve it, as estimated; undefined where nobody has seen its header. */
  readonly memoryBytes: number | undefined;
}

/** Where a model can come from. */
export type ModelSource =
  | (AnySource & { readonly kind: 'mesh'; readonly content: ModelContent })
  | (AnySource & {
      readonly kind: 'uri';
      readonly uri: string;
      /** Where they are known for sure. */
      readonly bytes: number | undefined;
      readonly sha256: string | undefined;
      /** Where at least something is known. */
      readonly aboutBytes: number | undefined;
    });

/** A model in its place, whole. */
export interface FetchedModel {
  readonly path: string;
  readonly content: ModelContent;
}

export type FetchOutcome =
  | { readonly kind: 'fetched'; readonly model: FetchedModel }
  | { readonly kind: 'failed'; readonly reasons: readonly string[] }
  | { readonly kind: 'stopped' };
