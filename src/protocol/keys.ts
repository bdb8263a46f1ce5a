/** A node's seed and what follows from it: its key pair and its ID, the public key. */
import crypto from 'hypercore-crypto';

export const seedBytes = 32;

export interface KeyPair {
  /** 64 lower-case hex characters; a node's ID, if the pair is its identity. */
  readonly publicKeyHex: string;
  readonly publicKey: Uint8Array;
  /** Never logged, never sent. */
  readonly secretKey: Uint8Array;
}

/** The ed25519 key pair of a 32-byte seed. */
export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  if (seed.length !== seedBytes) throw new RangeError(`a seed has ${seedBytes} bytes, not ${seed.length}`);
  const { publicKey, secretKey } = crypto.keyPair(seed);
  return { publicKeyHex: Buffer.from(publicKey).toString('hex'), publicKey, secretKey };
}
