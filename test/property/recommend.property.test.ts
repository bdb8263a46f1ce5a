/** What is recommended has room, and nothing that is better was passed over: rules/recommend.ts. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lendableBytes, pleasantTokensPerSecond, rankModels } from '../../src/rules/recommend.js';

const gigabytes = (max: number) => fc.double({ min: 0, max, noNaN: true }).map((value) => Math.round(value * 1e9));
const model = fc
  .record({ bytes: gigabytes(40).map((bytes) => bytes + 1e8), extra: gigabytes(4), isHere: fc.boolean() })
  .map(({ bytes, extra, isHere }) => ({ name: 'm', bytes, memoryBytes: bytes + extra, isHere }));
const place = fc.record({
  cores: fc.integer({ min: 1, max: 128 }),
  memoryBytes: gigabytes(128),
  freeMemoryBytes: fc.constant(0),
  freeDiskBytes: gigabytes(100),
  graphicsBytes: gigabytes(80),
});

it('the first recommendation fits if any does, is fast if any is, and is the largest of those', () => {
  fc.assert(
    fc.property(fc.array(model, { minLength: 1, maxLength: 12 }), place, (models, machine) => {
      const ranked = rankModels(models, machine);
      expect(ranked.map(({ model: { bytes } }) => bytes).sort()).toEqual(models.map(({ bytes }) => bytes).sort());
      const [first] = ranked;
      for (const { fit, model: one, tokensPerSecond } of ranked) {
        if (fit === 'none') continue;
        expect(one.isHere || one.bytes < machine.freeDiskBytes).toBe(true);
        expect(one.memoryBytes).toBeLessThanOrEqual(Math.max(lendableBytes(machine), machine.graphicsBytes));
        expect(first?.fit).not.toBe('none');
        if (fit === 'good') {
          expect(tokensPerSecond ?? Infinity).toBeGreaterThanOrEqual(pleasantTokensPerSecond);
          expect(first?.fit).toBe('good');
          expect(one.bytes).toBeLessThanOrEqual(first?.model.bytes ?? 0);
        } else expect(first?.fit === 'good' || (first?.model.bytes ?? 0) <= one.bytes).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});
