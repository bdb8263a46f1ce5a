/**
 * What nodes say to each other on the models network, beside the blocks: which models they offer. A card is told by its seeder over a
 * connection that has proven the seeder's key, so it needs no signature; it is believed as far as the bytes bear it out.
 */
import { z } from 'zod';
import type { ModelContent } from './model-content.js';
import { count, fields, list, name, sha256 } from './schema.js';

export const modelsProtocol = 'qmesh-models/2';
/** One message. 256 cards of 400 bytes. */
export const maxShelfBytes = 128 * 1024;
export const maxCards = 256;
/** 1 TiB, as many blocks as a tree may have. */
const maxModelBytes = 2 ** 40;

export interface ModelCard extends ModelContent {
  /** The file's name without `.gguf`, in lower case: as people ask for it. */
  readonly name: string;
}

const card = fields({
  name: name.regex(/^[a-z0-9][a-z0-9._-]*$/, 'must be lower-case letters, digits, . _ and -'),
  sha256,
  bytes: count.min(1).max(maxModelBytes),
  tree: sha256,
});

const shelf = fields({ type: z.literal('shelf'), cards: list(card, maxCards) });

export const encodeShelf = (cards: readonly ModelCard[]): Uint8Array =>
  Buffer.from(JSON.stringify({ type: 'shelf', cards: cards.slice(0, maxCards) }));

/** Undefined where it is no shelf. */
export function decodeShelf(bytes: Uint8Array): readonly ModelCard[] | undefined {
  if (bytes.byteLength > maxShelfBytes) return undefined;
  try {
    return shelf.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data?.cards;
  } catch {
    return undefined;
  }
}
