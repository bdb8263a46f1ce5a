import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  loadAverageMs,
  machineUse,
  memoryUse,
  nothingUsed,
  type MachineReading,
  type MachineUse,
} from '../../../src/rules/machine-use.js';

const start: MachineReading = { atMs: 0, busyMs: 0, totalMs: 0, ownMs: 0, cores: 4, usableCores: 4, loadAverage: 0 };

/** Ten seconds on four cores, of which these were busy. */
function after(own: number, others: number, loadAverage: number | undefined = own + others): MachineReading {
  const ms = 10_000;
  return { ...start, atMs: ms, totalMs: 4 * ms, busyMs: (own + others) * ms, ownMs: own * ms, loadAverage };
}
const use = (reading: MachineReading, countsOwn = false): MachineUse =>
  machineUse({ reading: start, use: nothingUsed }, reading, countsOwn);

/** The same use for so long that every average has arrived. */
function settled(own: number, others: number, loadAverage: number | undefined, countsOwn = false): MachineUse {
  let last = { reading: start, use: nothingUsed };
  for (let i = 1; i <= 300; i++) {
    const ms = i * 2_000;
    const reading = { ...start, atMs: ms, totalMs: 4 * ms, busyMs: (own + others) * ms, ownMs: own * ms, loadAverage };
    last = { reading, use: machineUse(last, reading, countsOwn) };
  }
  return last.use;
}

describe('the use by other programs', () => {
  it('is the busy time less our own, over all cores', () => {
    expect(use(after(3, 1))).toMatchObject({ cpu: 25, busyShare: 1 });
    expect(use(after(4, 0))).toMatchObject({ cpu: 0, busyShare: 1 });
    expect(use(after(0, 2))).toMatchObject({ cpu: 50, busyShare: 0.5 });
  });

  it('does not rise with our own use, unless that is set to count', () => {
    const cores = fc.double({ min: 0, max: 2, noNaN: true });
    fc.assert(
      fc.property(cores, cores, (own, others) => {
        expect(use(after(own, others)).cpu).toBeCloseTo((100 * others) / 4, 6);
        expect(use(after(own, others), true).cpu).toBeCloseTo((100 * (own + others)) / 4, 6);
      }),
    );
  });

  it('on a part of the cores is what the rest of the machine cannot bear', () => {
    const part = (usableCores: number, others: number): MachineUse =>
      use({ ...after(0, others), usableCores, loadAverage: others });
    expect(part(1, 3)).toMatchObject({ cpu: 0, load: 0 });
    expect(part(1, 3.5)).toMatchObject({ cpu: 50, load: 50 });
    expect(part(2, 3)).toMatchObject({ cpu: 50, load: 50 });
    expect(use({ ...after(2, 0), usableCores: 2 }, true)).toMatchObject({ cpu: 100 });
  });

  it('stays within 0..100 even if counters jump or stall', () => {
    const wild = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    const reading = fc.record({
      atMs: wild,
      busyMs: wild,
      totalMs: wild,
      ownMs: wild,
      cores: fc.integer({ min: 1, max: 64 }),
      usableCores: fc.integer({ min: 1, max: 64 }),
      loadAverage: fc.option(fc.double({ min: 0, max: 500, noNaN: true }), { nil: undefined }),
    });
    fc.assert(
      fc.property(reading, reading, fc.boolean(), (a, b, countsOwn) => {
        const { cpu, load, busyShare } = machineUse({ reading: a, use: nothingUsed }, b, countsOwn);
        for (const share of [cpu, load, 100 * busyShare]) expect(share >= 0 && share <= 100).toBe(true);
      }),
    );
  });

  it('subtracts our part from the load average the way the kernel adds it: over a minute', () => {
    expect(settled(2, 1, 3).load).toBeCloseTo(25, 0);
    expect(settled(2, 1, 3, true).load).toBeCloseTo(75, 0);
    const soon = use({ ...after(4, 0), loadAverage: 4 * (1 - Math.exp(-10_000 / loadAverageMs)) });
    expect(soon.load).toBeCloseTo(0, 6); // neither has arrived yet
  });

  it('is averaged here on systems without a load average', () => {
    expect(settled(2, 1, undefined).load).toBeCloseTo(25, 0);
    expect(settled(2, 1, undefined, true).load).toBeCloseTo(75, 0);
  });
});

describe('memory', () => {
  it('counts unavailable and swapped-out memory', () => {
    expect(memoryUse({ totalBytes: 100, availableBytes: 75, swapUsedBytes: 0 })).toBe(25);
    expect(memoryUse({ totalBytes: 100, availableBytes: 75, swapUsedBytes: 25 })).toBe(50);
    expect(memoryUse({ totalBytes: 100, availableBytes: 25, swapUsedBytes: 500 })).toBe(100);
  });

  it('never falls as less is available or more is swapped', () => {
    const bytes = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, (available, swapped, less, more) => {
        const before = memoryUse({ totalBytes: 100, availableBytes: available, swapUsedBytes: swapped });
        const worse = { totalBytes: 100, availableBytes: available - less, swapUsedBytes: swapped + more };
        expect(memoryUse(worse)).toBeGreaterThanOrEqual(before);
      }),
    );
  });
});
