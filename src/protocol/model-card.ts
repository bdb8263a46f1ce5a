/**
 * A card: what a node says of a model that it offers. It lies as a file in the node's Hyperdrive, so it is signed by the drive; it is
 * believed as far as the bytes bear it out.
 */
import { z } from 'zod';
import type { ModelContent } from './model-content.js';
import { count, fields, name, publicKey, sha256 } from './schema.js';

/** Folder of the cards in a drive. */
export const cardsFolder = '/models';
export const cardPath = ({ sha256 }: Pick<ModelContent, 'sha256'>): string => `${cardsFolder}/${sha256}.json`;

/** Of one drive; more are not read. */
export const maxCards = 256;
/** A larger file is no card. */
export const maxCardBytes = 4_096;
/** 1 TiB, as many blocks as a tree may have. */
const maxModelBytes = 2 ** 40;

export interface ModelCard extends ModelContent {
  /** The file's name without `.gguf`, in lower case: as people ask for it. */
  readonly name: string;
  /** Of the core that holds the bytes, hex. It follows from `tree` and `bytes`. */
  readonly key: string;
  /** Tokens that the model was trained to see. */
  readonly contextSize?: number;
  /** To serve it with one slot of 4,096 tokens, as its header lets one estimate. */
  readonly memoryBytes?: number;
  readonly licence?: string;
  /** The address that it was published under. */
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

/** @throws where others would not take it for a card. */
export const encodeCard = (offered: ModelCard): Uint8Array => Buffer.from(JSON.stringify(card.parse(offered)));

/** Undefined where it is none. */
export function decodeCard(bytes: Uint8Array): ModelCard | undefined {
  if (bytes.byteLength > maxCardBytes) return undefined;
  try {
    return card.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
