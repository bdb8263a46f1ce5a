/**
 * Messages on the models network, alongside the blocks: which Hyperdrive holds a node's cards, and which models the
 * node is looking for. A message is JSON in UTF-8.
 */
import { z } from 'zod';
import type { KeyPair } from './keys.js';
import { fields, list, name, publicKey, signature } from './schema.js';
import { sign, verify } from './signing.js';

export const modelsChannel = 'qmesh-models/2';
/** 64 names of 256 characters, with room to spare. */
export const maxModelsMessageBytes = 64 * 1024;
export const maxWanted = 64;

/** Only the first ones count. */
const firstNames = z.preprocess(
  (models) => (Array.isArray(models) ? (models as unknown[]).slice(0, maxWanted) : models),
  list(name, maxWanted),
);

const shelf = fields({ v: z.literal(2), type: z.literal('shelf'), node: publicKey, drive: publicKey, signature });
const wanted = fields({ v: z.literal(2), type: z.literal('wanted'), models: firstNames });

export type ShelfMessage = z.infer<typeof shelf>;
/** Names or SHA-256. */
export type WantedMessage = z.infer<typeof wanted>;

/** What a shelf's signature covers: it is valid for no other connection and in no other network. */
export interface ShelfSubject {
  /** The topic's name, prefix included. */
  readonly network: string;
  /** The sender's Noise key, hex. */
  readonly key: string;
}

/** @param drive key of the Hyperdrive, hex. */
export function createShelf({ network, key }: ShelfSubject, drive: string, identity: KeyPair): ShelfMessage {
  const node = identity.publicKeyHex;
  return { v: 2, type: 'shelf', node, drive, signature: sign('shelf', { network, node, key, drive }, identity) };
}

/** `key` is the one the connection itself reports. */
export const isGenuineShelf = ({ node, drive, signature }: ShelfMessage, { network, key }: ShelfSubject): boolean =>
  verify('shelf', { network, node, key, drive }, signature, node);

export const createWanted = (models: readonly string[]): WantedMessage => ({
  v: 2,
  type: 'wanted',
  models: models.filter((model) => name.safeParse(model).success).slice(0, maxWanted),
});

export const encodeModelsMessage = (message: ShelfMessage | WantedMessage): Uint8Array =>
  Buffer.from(JSON.stringify(message));

/** `unknown`: from a later version, to be ignored. `broken`: not a message of this protocol. */
export function decodeModelsMessage(bytes: Uint8Array): ShelfMessage | WantedMessage | 'unknown' | 'broken' {
  if (bytes.byteLength > maxModelsMessageBytes) return 'broken';
  let said: unknown;
  try {
    said = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return 'broken';
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return 'broken';
  switch ((said as { type?: unknown }).type) {
    case 'shelf':
      return shelf.safeParse(said).data ?? 'broken';
    case 'wanted':
      return wanted.safeParse(said).data ?? 'broken';
    default:
      return 'unknown';
  }
}
