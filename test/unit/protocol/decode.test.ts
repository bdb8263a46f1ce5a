import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../../src/protocol/decode.js';

const prompt = { v: 2, type: 'prompt', id: 'a1', prompt: 'count from 5' };

describe('decodeMessage', () => {
  it('drops unknown fields and treats null in an optional field as absent', () => {
    const decoded = decodeMessage({ ...prompt, later: 1, model: null, options: { maxTokens: 3, seed: null, x: 1 } });
    expect(decoded).toEqual({ kind: 'message', message: { ...prompt, options: { maxTokens: 3 } } });
  });
});
