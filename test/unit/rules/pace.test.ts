import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fullPace,
  lowerAfterMs,
  minWindowMs,
  nextPace,
  raiseAfterMs,
  type Pace,
  type PaceLimits,
  type PaceSample,
} from '../../../src/rules/pace.js';

const limits: fc.Arbitrary<PaceLimits> = fc
  .tuple(fc.integer({ min: 1, max: 128 }), fc.integer({ min: 1, max: 128 }))
  .map(([cores, maxThreads]) => ({ cores, maxThreads: Math.min(maxThreads, cores) }));
const windowMs = fc.integer({ min: minWindowMs, max: 1_000 });
const sample = (cores: number): fc.Arbitrary<PaceSample> =>
  fc.record({ windowMs, othersCores: fc.double({ min: 0, max: cores, noNaN: true }) });
const course = limits.chain((limits) =>
  fc.record({ limits: fc.constant(limits), samples: fc.array(sample(limits.cores), { maxLength: 60 }) }),
);

function paces(limits: PaceLimits, samples: readonly PaceSample[], from: Pace = fullPace(limits)): Pace[] {
  let pace = from;
  return samples.map((sample) => (pace = nextPace(pace, sample, limits)));
}
const steady = (othersCores: number, ms: number, windowMs = 400): PaceSample[] =>
  Array.from({ length: Math.ceil(ms / windowMs) }, () => ({ windowMs, othersCores }));
const two: PaceLimits = { cores: 2, maxThreads: 2 };
const threadsAfter = (limits: PaceLimits, ...samples: PaceSample[]): number | undefined =>
  paces(limits, samples).at(-1)?.threads;

describe('the pace of an engine', () => {
  it('is between one thread and its maximum, whatever others do', () => {
    fc.assert(
      fc.property(course, ({ limits, samples }) => {
        for (const { threads } of paces(limits, samples)) {
          expect(Number.isInteger(threads)).toBe(true);
          expect(threads).toBeGreaterThanOrEqual(1);
          expect(threads).toBeLessThanOrEqual(limits.maxThreads);
        }
      }),
    );
  });

  it('leaves the cores that others use, within two windows, and no more than one beyond them', () => {
    fc.assert(
      fc.property(limits, fc.double({ min: 0, max: 128, noNaN: true }), (limits, use) => {
        const others = Math.min(use, limits.cores);
        const threads = paces(limits, steady(others, 800)).at(-1)?.threads ?? NaN;
        const free = limits.cores - others;
        if (threads > 1) expect(threads).toBeLessThanOrEqual(free + 0.5);
        expect(threads).toBeGreaterThanOrEqual(Math.min(limits.maxThreads, Math.floor(free - 0.5)));
      }),
    );
  });

  it('returns to its maximum when the machine is quiet, not before', () => {
    fc.assert(
      fc.property(course, ({ limits, samples }) => {
        const before = paces(limits, samples).at(-1) ?? fullPace(limits);
        const quiet = paces(limits, steady(0, raiseAfterMs + 400), before);
        expect(quiet.at(-1)?.threads).toBe(limits.maxThreads);
        const raised = paces(limits, steady(0, 1_200), { ...before, wanted: before.threads, forMs: 0 });
        expect(raised.at(-1)?.threads).toBe(before.threads);
      }),
    );
  });

  it('never has fewer threads when others use less', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }), (limits, uses) => {
        const course = (share: number) =>
          uses.map((use) => ({ windowMs: 400, othersCores: use * share * limits.cores }));
        const [less, more] = [paces(limits, course(0.5)), paces(limits, course(1))];
        less.forEach(({ threads }, i) => expect(threads).toBeGreaterThanOrEqual(more[i]?.threads ?? 0));
      }),
    );
  });

  it('changes no more often than its delays allow', () => {
    fc.assert(
      fc.property(course, ({ limits, samples }) => {
        let [last, sinceMs] = [limits.maxThreads, 0];
        paces(limits, samples).forEach(({ threads }, i) => {
          sinceMs += samples[i]?.windowMs ?? 0;
          if (threads === last) return;
          expect(sinceMs).toBeGreaterThanOrEqual(threads < last ? lowerAfterMs : raiseAfterMs);
          [last, sinceMs] = [threads, 0];
        });
      }),
    );
  });

  it('follows the sample that asks for the smallest change', () => {
    const eight = { cores: 8, maxThreads: 8 };
    expect(threadsAfter(eight, { windowMs: 400, othersCores: 1 }, { windowMs: 400, othersCores: 6 })).toBe(7);
    expect(threadsAfter(eight, { windowMs: 400, othersCores: 6 }, { windowMs: 400, othersCores: 2 })).toBe(6);
  });

  it('ignores a program that uses a core now and then', () => {
    const bursts = Array.from({ length: 40 }, (_, i) => ({ windowMs: 400, othersCores: i % 2 }));
    expect(new Set(paces(two, bursts).map(({ threads }) => threads))).toEqual(new Set([2]));
  });

  it('keeps one thread while the other core is used again and again', () => {
    const lowered = paces(two, steady(1, 800)).at(-1);
    const bursts = Array.from({ length: 40 }, (_, i) => ({ windowMs: 400, othersCores: i % 4 === 0 ? 1 : 0 }));
    expect(new Set(paces(two, bursts, lowered).map(({ threads }) => threads))).toEqual(new Set([1]));
  });

  it('ignores use between the two thresholds', () => {
    expect(threadsAfter(two, ...steady(0.45, 10_000))).toBe(2);
    expect(paces(two, steady(0.45, 10_000), paces(two, steady(1, 800)).at(-1)).at(-1)?.threads).toBe(1);
  });

  it('ignores windows in which the counters hardly moved', () => {
    const pace = fullPace(two);
    expect(nextPace(pace, { windowMs: minWindowMs - 1, othersCores: 2 }, two)).toBe(pace);
  });
});
