import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findNonce, provesWork, type WorkTask } from '../../../src/protocol/work.js';

type Vector = WorkTask & { readonly name: string; readonly nonce: string };
const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/work.json'), 'utf8')) as {
  valid: Vector[];
  invalid: Vector[];
};

describe('a proof of work', () => {
  it.each(vectors.valid)('is one: $name', ({ nonce, ...task }) => expect(provesWork(task, nonce)).toBe(true));

  it.each(vectors.invalid)('is none: $name', ({ nonce, ...task }) => expect(provesWork(task, nonce)).toBe(false));

  const task = fc.record({
    challenge: fc.stringMatching(/^[0-9a-f]{32}$/),
    client: fc.stringMatching(/^[0-9a-f]{64}$/),
    id: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
    bits: fc.integer({ min: 0, max: 8 }),
  });

  it('is found by trying, fits the protocol, and is the first that there is', () => {
    fc.assert(
      fc.property(task, fc.nat(1_000), (asked, from) => {
        const nonce = findNonce(asked, from, 64 * 2 ** asked.bits);
        expect(nonce).toMatch(/^[0-9a-f]{1,32}$/);
        expect(provesWork(asked, nonce!)).toBe(true);
        const number = parseInt(nonce!, 16);
        expect(findNonce(asked, from, number - from)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});
