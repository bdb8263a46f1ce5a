import { describe, expect, it } from 'vitest';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import { networkSeed, topicKey, topicName, type NetworkName } from '../../../src/protocol/topics.js';
import vectors from '../../vectors/topics.json' with { type: 'json' };

const seed = Buffer.from(vectors.seed, 'hex');

describe('topics', () => {
  it.each(vectors.topics)('$name', ({ network, prefix, name, topicKey: key, networkSeed: derived }) => {
    expect(topicName(network as NetworkName, prefix)).toBe(name);
    expect(topicKey(name)).toBe(key);
    expect(Buffer.from(networkSeed(seed, name)).toString('hex')).toBe(derived);
  });

  it('gives a node another key in every network', () => {
    const keys = vectors.topics.map(({ name }) => keyPairFromSeed(networkSeed(seed, name)).publicKeyHex);
    expect(new Set([...keys, keyPairFromSeed(seed).publicKeyHex]).size).toBe(vectors.topics.length + 1);
  });
});
