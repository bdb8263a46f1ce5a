/** The rules of conduct state their invariants; here something tries to break them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { banLeftMs, cleanStanding, isForgotten, strike, strikeRules, strikesLeft } from '../../src/rules/strikes.js';
import { tierRules, tiers, type Tier } from '../../src/rules/tiers.js';
import {
  bucketFillMs,
  bucketWaitMs,
  requestCostMs,
  takeFromBucket,
  type Bucket,
} from '../../src/rules/token-bucket.js';
import { isWorkAsked, leastWorkBits, mostWorkBits, workBits } from '../../src/rules/work.js';

const tier = fc.constantFrom(...tiers);
const gaps = (maxMs: number) => fc.array(fc.nat(maxMs), { minLength: 1, maxLength: 200 });

/** When one that asks at these times is let in. */
function letIn(tierOfAll: Tier, gapsMs: readonly number[]): number[] {
  let bucket: Bucket | undefined;
  let nowMs = 1_000;
  const times: number[] = [];
  for (const gap of gapsMs) {
    nowMs += gap;
    if (bucketWaitMs(bucket, tierOfAll, nowMs) > 0) continue;
    bucket = takeFromBucket(bucket, tierOfAll, nowMs);
    times.push(nowMs);
  }
  return times;
}

describe('a token bucket', () => {
  it('passes at most the burst plus what flows in, within any stretch of time', () => {
    fc.assert(
      fc.property(tier, gaps(3_000), (of, gapsMs) => {
        const { rateFactor } = tierRules[of];
        const times = letIn(of, gapsMs);
        for (const [i, from] of times.entries())
          for (const [j, to] of times.entries())
            if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(rateFactor * (10 + (to - from) / 1_000) + 1e-6);
      }),
      { numRuns: 60 },
    );
  });

  it('admits a client that waits as long as it was told, and refuses one that comes a moment earlier', () => {
    fc.assert(
      fc.property(tier, gaps(3_000), (of, gapsMs) => {
        let bucket: Bucket | undefined;
        let nowMs = 0;
        for (const gap of gapsMs) {
          nowMs += gap;
          const waitMs = bucketWaitMs(bucket, of, nowMs);
          if (waitMs > 0) expect(bucketWaitMs(bucket, of, nowMs + waitMs - 1)).toBeGreaterThan(0);
          nowMs += waitMs;
          expect(bucketWaitMs(bucket, of, nowMs)).toBe(0);
          bucket = takeFromBucket(bucket, of, nowMs);
        }
      }),
    );
  });

  it('is full once untouched for the time it takes to fill', () => {
    fc.assert(
      fc.property(tier, gaps(500), (of, gapsMs) => {
        let bucket: Bucket | undefined;
        let nowMs = 0;
        for (const gap of gapsMs) {
          nowMs += gap;
          if (bucketWaitMs(bucket, of, nowMs) === 0) bucket = takeFromBucket(bucket, of, nowMs);
        }
        expect(bucket).toBeLessThanOrEqual(nowMs + bucketFillMs);
      }),
    );
  });

  it('gives 60 a minute and 10 at once to Bronze, twice that to Gold, a quarter to a guest', () => {
    const atOnce = (of: Tier) => letIn(of, new Array<number>(300).fill(0)).length;
    expect([atOnce('bronze'), atOnce('gold'), atOnce('master'), atOnce('guest')]).toEqual([10, 20, 160, 2]);
    expect([requestCostMs('bronze'), requestCostMs('gold'), requestCostMs('guest')]).toEqual([1_000, 500, 4_000]);
  });
});

describe('strikes', () => {
  const minute = 60_000;
  const struck = (gapsMs: readonly number[], startMs = 1_700_000_000_000) => {
    const course = [{ standing: cleanStanding, nowMs: startMs }];
    for (const gap of gapsMs) {
      const { standing, nowMs } = course.at(-1)!;
      course.push({ standing: strike(standing, nowMs + gap), nowMs: nowMs + gap });
    }
    return course;
  };

  it('ban nobody with fewer than ten, however they arrive; ten at once ban for ten minutes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20 * minute), { maxLength: 9 }), (gapsMs) => {
        for (const { standing, nowMs } of struck(gapsMs)) expect(banLeftMs(standing, nowMs)).toBe(0);
      }),
    );
    const { standing, nowMs } = struck(new Array<number>(10).fill(1_000)).at(-1)!;
    expect(banLeftMs(standing, nowMs)).toBe(10 * minute);
    expect(banLeftMs(standing, nowMs + 10 * minute)).toBe(0);
  });

  it('never grow by themselves, and halve in ten minutes', () => {
    fc.assert(
      fc.property(gaps(5 * minute), fc.nat(60 * minute), (gapsMs, later) => {
        const { standing, nowMs } = struck(gapsMs).at(-1)!;
        expect(strikesLeft(standing, nowMs + later)).toBeLessThanOrEqual(strikesLeft(standing, nowMs));
        expect(strikesLeft(standing, nowMs + strikeRules.halfLifeMs)).toBeCloseTo(standing.strikes / 2);
      }),
    );
  });

  it('lead to bans that never end early, double up to a day, and start over a day after the last one', () => {
    fc.assert(
      fc.property(gaps(3 * minute), (gapsMs) => {
        let last = { until: 0, lasted: 0 };
        for (const { standing, nowMs } of struck(gapsMs)) {
          expect(standing.bannedUntilMs).toBeGreaterThanOrEqual(last.until);
          if (standing.bannedUntilMs === last.until) continue;
          const lasted = standing.bannedUntilMs - nowMs;
          expect(lasted).toBeLessThanOrEqual(strikeRules.longestBanMs);
          expect(lasted).toBe(last.lasted === 0 ? 10 * minute : Math.min(2 * last.lasted, strikeRules.longestBanMs));
          last = { until: standing.bannedUntilMs, lasted };
        }
      }),
    );
    const often = struck(new Array<number>(200).fill(0)).at(-1)!;
    expect(banLeftMs(often.standing, often.nowMs)).toBe(strikeRules.longestBanMs);
    const soon = often.standing.bannedUntilMs + strikeRules.bansForgottenMs - 1;
    expect(strike(often.standing, soon).bans).toBe(often.standing.bans);
    expect(strike(often.standing, soon + 1).bans).toBe(0);
  });

  it('once forgotten change nothing: a clean standing leads to the same decisions', () => {
    fc.assert(
      fc.property(gaps(minute), fc.nat(72 * 60 * minute), gaps(minute), (before, pause, after) => {
        const { standing, nowMs } = struck(before).at(-1)!;
        if (!isForgotten(standing, nowMs + pause)) return;
        let [kept, forgotten] = [standing, cleanStanding];
        let at = nowMs + pause;
        for (const gap of after) {
          at += gap;
          [kept, forgotten] = [strike(kept, at), strike(forgotten, at)];
          if (kept.bans > 0 || forgotten.bans > 0) break; // at most half a strike apart: the ban may come one strike earlier
          expect(kept.strikes - forgotten.strikes).toBeLessThanOrEqual(0.5);
        }
      }),
    );
  });
});

describe('work', () => {
  it('grows as the score falls, within its bounds', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (a, b) => {
          if (a <= b) expect(workBits(a)).toBeGreaterThanOrEqual(workBits(b));
          expect(workBits(a)).toBeGreaterThanOrEqual(leastWorkBits);
          expect(workBits(a)).toBeLessThanOrEqual(mostWorkBits);
        },
      ),
    );
    expect([workBits(59), workBits(0)]).toEqual([leastWorkBits, mostWorkBits]);
  });

  it('is required only of guests', () => {
    for (const of of tiers) expect(isWorkAsked(of, 'overloaded')).toBe(of === 'guest');
  });
});
