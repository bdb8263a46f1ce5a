import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isAvoided,
  isFailed,
  noSuspicion,
  reporting,
  suspected,
  suspicionRules,
  weightOf,
  type Suspicion,
} from '../../../src/rules/suspicion.js';

const { firstMs, longestMs, halfLifeMs } = suspicionRules;

type Deed = { readonly afterMs: number } & ({ readonly weight: number } | { readonly reports: true });

const weights = fc.double({ min: 0.01, max: 1, noNaN: true });
const gaps = fc.integer({ min: 0, max: 3 * halfLifeMs });
const deeds = fc.array(
  fc.oneof<fc.Arbitrary<Deed>[]>(
    fc.record({ afterMs: gaps, weight: weights }),
    fc.record({ afterMs: gaps, reports: fc.constant(true as const) }),
  ),
  { maxLength: 30 },
);

function after(course: readonly Deed[]): { suspicion: Suspicion; nowMs: number; lastFailedMs: number } {
  let [suspicion, nowMs, lastFailedMs] = [noSuspicion, 0, -Infinity];
  for (const deed of course) {
    nowMs += deed.afterMs;
    if ('weight' in deed) lastFailedMs = nowMs;
    suspicion = 'weight' in deed ? suspected(suspicion, deed.weight, nowMs) : reporting(suspicion, nowMs);
  }
  return { suspicion, nowMs, lastFailedMs };
}

describe('suspicion', () => {
  it('a first failed check avoids a worker for an hour, a second one for two', () => {
    const once = suspected(noSuspicion, 1, 0);
    expect([isAvoided(once, firstMs - 1), isAvoided(once, firstMs)]).toEqual([true, false]);
    const twice = suspected(once, 1, 0);
    expect([isAvoided(twice, 2 * firstMs - 1), isAvoided(twice, 2 * firstMs)]).toEqual([true, false]);
  });

  it('nobody is avoided without a failed check, nor for longer than a day after the last one', () => {
    fc.assert(
      fc.property(deeds, gaps, (course, laterMs) => {
        const { suspicion, nowMs, lastFailedMs } = after(course);
        if (isAvoided(suspicion, nowMs + laterMs)) expect(nowMs + laterMs - lastFailedMs).toBeLessThan(longestMs);
      }),
    );
  });

  it('a heavier word never avoids for a shorter time, and no word shortens another’s', () => {
    fc.assert(
      fc.property(deeds, weights, weights, (course, one, other) => {
        const { suspicion, nowMs } = after(course);
        const untilOf = (weight: number): number => suspected(suspicion, weight, nowMs).avoidedUntilMs;
        expect(untilOf(Math.max(one, other))).toBeGreaterThanOrEqual(untilOf(Math.min(one, other)));
        expect(untilOf(one)).toBeGreaterThanOrEqual(suspicion.avoidedUntilMs);
      }),
    );
  });

  it('a word weighs 0 to 1: less with each report made or received, and never less as time passes', () => {
    fc.assert(
      fc.property(deeds, gaps, weights, (course, laterMs, weight) => {
        const { suspicion, nowMs } = after(course);
        const now = weightOf(suspicion, nowMs);
        expect(now).toBeGreaterThan(0);
        expect(now).toBeLessThanOrEqual(1);
        expect(weightOf(reporting(suspicion, nowMs), nowMs)).toBeLessThan(now);
        expect(weightOf(suspected(suspicion, weight, nowMs), nowMs)).toBeLessThan(now);
        expect(weightOf(suspicion, nowMs + laterMs)).toBeGreaterThanOrEqual(now);
      }),
    );
  });

  it('denouncing n others at once gets them avoided for at most 1 + ln n hours in all', () => {
    fc.assert(
      fc.property(deeds, fc.integer({ min: 1, max: 100 }), (course, others) => {
        const begun = after(course);
        let [liar, avoidedMs] = [begun.suspicion, 0];
        for (let i = 0; i < others; i++) {
          avoidedMs += suspected(noSuspicion, weightOf(liar, begun.nowMs), begun.nowMs).avoidedUntilMs - begun.nowMs;
          liar = reporting(liar, begun.nowMs);
        }
        expect(avoidedMs).toBeLessThanOrEqual(firstMs * (1 + Math.log(others)) + 1);
      }),
    );
  });

  it('only failing verdicts count against a worker', () => {
    expect(['improbable', 'cut_short', 'valid', 'too_short', 'unheard of'].filter(isFailed)).toEqual([
      'improbable',
      'cut_short',
    ]);
  });
});
