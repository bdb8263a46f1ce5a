/** Waits double from the first to the longest, and stay there. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from '../../../src/rules/backoff.js';

it('starts at the first delay, doubles, and never exceeds the longest', () => {
  expect(
    [0, 1, 2, 3, 7, 99, 100_000].map((failures) => backoffMs({ firstMs: 500, longestMs: 30_000 }, failures)),
  ).toEqual([500, 500, 1_000, 2_000, 30_000, 30_000, 30_000]);
});

it('never decreases', () => {
  const waits = fc.record({
    firstMs: fc.integer({ min: 1, max: 60_000 }),
    longestMs: fc.integer({ min: 1, max: 1e9 }),
  });
  fc.assert(
    fc.property(waits, fc.nat(2_000), (waits, failures) => {
      const waitMs = backoffMs(waits, failures);
      expect(backoffMs(waits, failures + 1)).toBeGreaterThanOrEqual(waitMs);
      expect(waitMs).toBeLessThanOrEqual(waits.longestMs);
    }),
  );
});
