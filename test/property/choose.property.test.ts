/** What is chosen for a machine and a model: rules/choose.ts states the invariants. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseLayout, usualContextSize, type Layout, type ModelShape } from '../../src/rules/choose.js';
import { reservedSequences } from '../../src/rules/slots.js';

const shape: fc.Arbitrary<ModelShape> = fc.record({
  fixedBytes: fc.integer({ min: 2 ** 20, max: 2 ** 34 }),
  bytesPerToken: fc.integer({ min: 0, max: 2 ** 20 }),
  trainedTokens: fc.option(fc.integer({ min: 16, max: 2 ** 17 }), { nil: undefined }),
});
const wishes = fc.record(
  { contextSize: fc.integer({ min: 64, max: 2 ** 17 }), slots: fc.integer({ min: 1, max: 64 }) },
  { requiredKeys: [] },
);
const freeBytes = fc.integer({ min: 2 ** 20, max: 2 ** 36 });
const machine = (freeMemoryBytes: number) => ({ cores: 2, memoryBytes: 2 ** 36, freeMemoryBytes });
const cacheOf = ({ bytesPerToken }: ModelShape, { contextSize, slots }: Layout): number =>
  bytesPerToken * contextSize * (slots + reservedSequences);

describe('chooseLayout', () => {
  it('takes settings as given, and fits the free memory', () => {
    fc.assert(
      fc.property(shape, wishes, freeBytes, (model, set, free) => {
        const layout = chooseLayout(machine(free), model, set);
        if ('problem' in layout) return;
        expect(layout).toMatchObject(set);
        expect(layout.memoryBytes).toBe(model.fixedBytes + cacheOf(model, layout));
        expect(layout.memoryBytes).toBeLessThanOrEqual(free);
        if (set.contextSize !== undefined) return;
        expect(layout.contextSize).toBeLessThanOrEqual(model.trainedTokens ?? usualContextSize);
        expect(cacheOf(model, layout)).toBeLessThanOrEqual(free / 2);
      }),
      { numRuns: 5_000 },
    );
  });

  it('never gives less for more free memory, and the maximum when it is plentiful', () => {
    fc.assert(
      fc.property(shape, wishes, freeBytes, freeBytes, (model, set, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)].map((free) =>
          chooseLayout(machine(free), model, set),
        ) as [ReturnType<typeof chooseLayout>, ReturnType<typeof chooseLayout>];
        if ('problem' in less) return;
        expect(more).not.toHaveProperty('problem');
        const [a, b] = [less, more as Layout];
        expect(b.slots).toBeGreaterThanOrEqual(a.slots);
        expect(b.contextSize).toBeGreaterThanOrEqual(a.contextSize);
      }),
      { numRuns: 5_000 },
    );
    const plenty = chooseLayout(
      machine(2 ** 36),
      { fixedBytes: 2 ** 29, bytesPerToken: 12_288, trainedTokens: 32_768 },
      {},
    );
    expect(plenty).toMatchObject({ contextSize: 8_192, slots: 4 });
  });

  it('refuses only if a single short request would not fit, and says what it would need', () => {
    fc.assert(
      fc.property(shape, freeBytes, (model, free) => {
        const layout = chooseLayout(machine(free), model, {});
        const leastCache = model.bytesPerToken * Math.min(256, model.trainedTokens ?? 256) * (1 + reservedSequences);
        const fits = model.fixedBytes + leastCache <= free && leastCache <= free / 2;
        expect('problem' in layout).toBe(!fits);
        if ('problem' in layout) expect(layout.problem).toMatch(/^it needs about .* GB of memory with 1 slot/);
      }),
      { numRuns: 5_000 },
    );
  });
});
