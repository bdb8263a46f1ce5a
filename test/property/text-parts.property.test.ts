/** Invariants of the parts that long texts are tokenised in. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxPartLength, textParts } from '../../src/engine/text-parts.js';

const piece = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(' ', '\n', ' word', ' 7', '.', '漢字', '😀', 'a'.repeat(maxPartLength), '😀'.repeat(maxPartLength)),
  fc.nat(maxPartLength).map((length) => ' '.repeat(length)),
);
const text = fc
  .array(fc.tuple(piece, fc.nat(500)), { maxLength: 12 })
  .map((pieces) => pieces.map(([part, times]) => part.repeat(part.length > 20 ? 1 : times)).join(''));

describe('the parts of a text', () => {
  it('joined are the text, none is too long or empty, and none cuts a character in two', () => {
    fc.assert(
      fc.property(text, (whole) => {
        const parts = [...textParts(whole)];
        expect(parts.join('')).toBe(whole);
        for (const part of parts) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(maxPartLength);
        }
        for (const [index, part] of parts.slice(1).entries()) {
          const seam = parts[index]!.slice(-1) + part.slice(0, 1);
          expect(/^[\ud800-\udbff][\udc00-\udfff]$/.test(seam)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('begin before a word, wherever words are shorter than half a part', () => {
    const words = fc.array(fc.stringMatching(/^[a-z0-9é漢.!]{0,20}[a-z]$/u), { minLength: 500, maxLength: 2_000 });
    fc.assert(
      fc.property(words, (all) => {
        for (const part of [...textParts(all.join(' '))].slice(1)) expect(part).toMatch(/^ [\p{L}\p{N}]/u);
      }),
      { numRuns: 100 },
    );
  });
});
