/** The three networks: their topic names, the DHT keys of these, and a node's own key in each. */
import { createHash } from 'node:crypto';
import sodium from 'sodium-universal';
import { seedBytes } from './keys.js';

export const networks = ['inference', 'scores', 'models'] as const;
export type NetworkName = (typeof networks)[number];

/** `qmesh-inference-v2`, or `acme/qmesh-inference-v2` in a separate mesh. */
export function topicName(network: NetworkName, prefix = ''): string {
  const name = `qmesh-${network}-v2`;
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** The DHT key of a topic: SHA-256 of its name, hex. */
export function topicKey(name: string): string {
  return createHash('sha256').update(name, 'utf8').digest('hex');
}

/**
 * The seed of a node's key pair in networks where it does not use its identity, since one DHT node cannot listen twice
 * on one key: BLAKE2b-256 of the topic's name, keyed with the node's seed. It reveals nothing about the seed, or about
 * the node's key in another network.
 */
export function networkSeed(seed: Uint8Array, name: string): Uint8Array {
  const derived = new Uint8Array(seedBytes);
  sodium.crypto_generichash(derived, Buffer.from(name, 'utf8'), seed);
  return derived;
}
