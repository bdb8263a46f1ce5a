/** What a client may think of a worker that owes it an answer: rules/silence.ts and rules/progress.ts. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as p from '../../src/rules/progress.js';
import * as s from '../../src/rules/silence.js';

const { tickMs, minSilenceMs, gapFactor } = s.silenceRules;

/** Looks every tick for so long; says at which look it was first found silent. */
function listen(hearing: s.Hearing, fromMs: number, forMs: number): { hearing: s.Hearing; silentAtMs?: number } {
  for (let ms = tickMs; ms <= forMs; ms += tickMs) {
    hearing = s.listened(hearing, fromMs + ms);
    if (s.isSilent(hearing)) return { hearing, silentAtMs: ms };
  }
  return { hearing };
}

describe('silence', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 1_500 }), { minLength: 1, maxLength: 60 });

  it('is never detected if no gap exceeds 750 ms or three times a recent one', () => {
    fc.assert(
      fc.property(gaps, (all) => {
        let hearing = s.newHearing(0);
        let now = 0;
        let longestMs = 0; // of the last 5 s at least
        const past: [atMs: number, gapMs: number][] = [];
        for (const gapMs of all) {
          const { hearing: waited, silentAtMs } = listen(hearing, now, gapMs);
          longestMs = Math.max(0, ...past.filter(([atMs]) => now - atMs < 5_000).map(([, ms]) => ms));
          if (silentAtMs !== undefined) {
            expect(gapMs).toBeGreaterThan(minSilenceMs);
            expect(silentAtMs).toBeGreaterThan(gapFactor * Math.min(longestMs, minSilenceMs));
          }
          now += gapMs;
          hearing = s.heard(silentAtMs === undefined ? waited : s.listened(waited, now), now);
          past.push([now, gapMs]);
          expect(s.isSilent(hearing)).toBe(false);
        }
      }),
    );
  });

  it('is detected within a tick of the limit, which is 750 ms for a worker that keeps its promise', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 250 }), { maxLength: 60 }), (all) => {
        let hearing = s.newHearing(0);
        let now = 0;
        for (const gapMs of all) {
          hearing = s.heard(listen(hearing, now, gapMs).hearing, (now += gapMs));
        }
        expect(listen(hearing, now, 2_000).silentAtMs).toBeLessThanOrEqual(minSilenceMs + tickMs);
      }),
    );
  });

  it('one long stop raises the limit at most threefold, and only for ten seconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 800, max: 600_000 }), (stopMs) => {
        let { hearing } = listen(s.newHearing(0), 0, stopMs);
        hearing = s.heard(hearing, stopMs);
        expect(s.silenceLimitMs(hearing)).toBeLessThanOrEqual(gapFactor * minSilenceMs);
        let now = stopMs;
        for (; now < stopMs + 12_000; now += 100) hearing = s.heard(hearing, now);
        expect(s.silenceLimitMs(hearing)).toBe(minSilenceMs);
      }),
    );
  });

  it('is never detected by a client whose checks all come late, since it was not listening', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 101, max: 1e9 }), { maxLength: 15 }), (naps) => {
        let hearing = s.newHearing(0);
        let now = 0;
        for (const nap of naps) hearing = s.listened(hearing, (now += nap));
        expect(s.isSilent(hearing)).toBe(false);
      }),
    );
  });
});

describe('progress', () => {
  const tell = (position: number, estimatedWaitMs: number) => ({ position, estimatedWaitMs });

  it('is missed ten seconds after the announced wait, not before, however often the wait is repeated', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(600_000), (position, waitMs) => {
        let progress = p.told(p.newProgress, tell(position, waitMs));
        const repeat = (ms: number): void => {
          for (let passed = 0; passed < ms; passed += 250)
            progress = p.told(p.quiet(progress, 250), tell(position, waitMs));
        };
        repeat(waitMs + 9_500);
        expect(p.isStalled(progress)).toBe(false);
        repeat(1_000);
        expect(p.isStalled(progress)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('is never missed while reports change, as they do while a long prompt is read', () => {
    let progress = p.newProgress;
    for (let leftMs = 600_000; leftMs >= 0; leftMs -= 2_000) {
      progress = p.told(p.quiet(progress, 9_000), tell(0, leftMs));
      expect(p.isStalled(progress)).toBe(false);
    }
  });

  it('between tokens is not missed before five seconds or twenty times the usual gap', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 2, maxLength: 50 }), (gaps) => {
        let progress = p.told(p.newProgress, tell(0, 0));
        for (const gapMs of gaps) progress = p.spoken(p.quiet(progress, gapMs));
        const fastestMs = Math.min(...gaps.slice(1));
        expect(p.isStalled(p.quiet(progress, Math.max(5_000, 20 * fastestMs) - 1))).toBe(false);
        const slowestMs = Math.max(...gaps);
        expect(p.isStalled(p.quiet(progress, Math.max(5_000, 20 * slowestMs) + 1))).toBe(true);
      }),
    );
  });

  it('ignores keepalives while streaming, and starts over when a request is back in the queue', () => {
    let progress = p.told(p.newProgress, tell(0, 0));
    progress = p.spoken(p.quiet(progress, 10));
    expect(p.stallLimitMs(p.told(progress, tell(0, 0)))).toBe(5_000);
    expect(p.stallLimitMs(p.told(progress, tell(1, 700)))).toBe(10_700);
  });
});
