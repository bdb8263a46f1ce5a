/**
 * A card: what a node says about a model it offers. It is a file in the node's Hyperdrive, and thereby signed by the
 * drive. It is believed only as far as the bytes confirm it.
 */
import { z } from 'zod';
import type { ModelContent } from './model-content.js';
import { count, fields, name, publicKey, sha256 } from './schema.js';

/** Folder of the cards in a drive. */
export const cardsFolder = '/models';
export const cardPath = ({ sha256 }: Pick<ModelContent, 'sha256'>): string => `${cardsFolder}/${sha256}.json`;

/** Cards read from one drive; further ones are ignored. */
export const maxCards = 256;
/** A larger file is not a card. */
export const maxCardBytes = 4_096;
/** 1 TiB, the most blocks a tree may have. */
const maxModelBytes = 2 ** 40;

export interface ModelCard extends ModelContent {
  /** The file's name without `.gguf`, in lower case: the name people ask for. */
  readonly name: string;
  /** Key of the core that holds the bytes, hex. It follows from `tree` and `bytes`. */
  readonly key: string;
  /** Tokens the model was trained on. */
  readonly contextSize?: number;
  /** Memory to serve it with one slot of 4,096 tokens, estimated from its header. */
  readonly memoryBytes?: number;
  readonly licence?: string;
  /** The address it was published under. */
  readonly source?: string;
}

const card = fields({
  name: name.toLowerCase().regex(/^[a-z0-9][a-z0-9._-]*$/, 'must be letters, digits, . _ and -'),
  sha256,
  bytes: count.min(1).max(maxModelBytes),
  tree: sha256,
  key: publicKey,
  contextSize: count.min(1).exactOptional(),
  memoryBytes: count.min(1).exactOptional(),
  licence: name.exactOptional(),
  source: z.string().max(1_024).exactOptional(),
});

/** @throws if others would not accept it as a card */
export const encodeCard = (offered: ModelCard): Uint8Array => Buffer.from(JSON.stringify(card.parse(offered)));

/** Undefined if it is not a valid card. */
export function decodeCard(bytes: Uint8Array): ModelCard | undefined {
  if (bytes.byteLength > maxCardBytes) return undefined;
  try {
    return card.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
