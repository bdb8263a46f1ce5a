import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextMeanGapMs, quickestMs, unknownPaceMs, wedgedAfterMs } from '../../../src/rules/wedge.js';

const gap = fc.double({ min: 0, max: 600_000, noNaN: true });

describe('the patience with a slot', () => {
  it('is 30 s while nothing is known of its pace', () => expect(wedgedAfterMs(undefined)).toBe(unknownPaceMs));

  it('is at least 10 s and at least 20 gaps, and never less where gaps are longer', () => {
    fc.assert(
      fc.property(gap, gap, (a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        expect(wedgedAfterMs(short)).toBeGreaterThanOrEqual(Math.max(quickestMs, 20 * short));
        expect(wedgedAfterMs(long)).toBeGreaterThanOrEqual(wedgedAfterMs(short));
      }),
    );
  });

  it('is never less than twice the latest gap, so a machine that slows down is not taken for hung', () => {
    fc.assert(
      fc.property(fc.array(gap, { minLength: 1, maxLength: 50 }), (gaps) => {
        let mean: number | undefined;
        for (const each of gaps) {
          mean = nextMeanGapMs(mean, each);
          expect(wedgedAfterMs(mean)).toBeGreaterThanOrEqual(1.999 * each);
        }
      }),
    );
  });

  it('goes by a mean that lies between the gaps', () => {
    fc.assert(
      fc.property(fc.array(gap, { minLength: 1, maxLength: 50 }), (gaps) => {
        const mean = gaps.reduce<number | undefined>(nextMeanGapMs, undefined) ?? NaN;
        expect(mean).toBeGreaterThanOrEqual(Math.min(...gaps) - 1e-6);
        expect(mean).toBeLessThanOrEqual(Math.max(...gaps) + 1e-6);
      }),
    );
  });
});
