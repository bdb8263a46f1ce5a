/** The waits that are told: never negative, in the order of the line, and right where nothing is left to chance. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  estimateWaits,
  holdMs,
  noInflow,
  noteArrival,
  noteRun,
  overtaking,
  remainingPrefillMs,
} from '../../src/rules/estimate.js';
import { emptyQueue, put, standingOf, waitingIn, type Queue, type Waiting } from '../../src/rules/queue.js';
import { tiers } from '../../src/rules/tiers.js';

const arrival = fc.record({
  tier: fc.constantFrom(...tiers),
  gapMs: fc.integer({ min: 0, max: 5_000 }),
  holdMs: fc.integer({ min: 1, max: 10_000 }),
});

describe('the estimates', () => {
  it('never promise a request less than one ahead of it', () => {
    const busy = fc.array(fc.integer({ min: 0, max: 8_000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 300 }), busy, (arrivals, freeInMs) => {
        let nowMs = 0;
        let inflow = noInflow;
        let queue: Queue<Waiting & { holdMs: number }> = emptyQueue(1_000);
        for (const [i, { tier, gapMs, holdMs: heldMs }] of arrivals.entries()) {
          nowMs += gapMs;
          const item = {
            key: `${i}`,
            model: 'm',
            tier,
            isOwner: false,
            arrival: i,
            arrivedAtMs: nowMs,
            expiresAtMs: undefined,
          };
          inflow = noteArrival(inflow, standingOf(item, nowMs).line, heldMs, nowMs);
          queue = put(queue, { ...item, holdMs: heldMs }, nowMs);
        }
        const overtaken = overtaking(inflow, freeInMs.length, nowMs);
        const line = [...waitingIn(queue)].filter(
          (item) => standingOf(item, nowMs).line === standingOf(item, item.arrivedAtMs).line,
        );
        const waits = estimateWaits(
          line.map((item) => ({
            model: 'm',
            isPrivileged: false,
            prefillMs: 10,
            holdMs: item.holdMs,
            overtaken: (ms) => overtaken(item, ms),
          })),
          freeInMs.map((ms) => ({ model: 'm', isReserve: false, freeInMs: ms })),
          freeInMs.length,
        );
        expect(waits).toHaveLength(line.length);
        waits.forEach((ms, i) => expect(ms).toBeGreaterThanOrEqual((waits[i - 1] ?? 10) - 1e-6));
      }),
      { numRuns: 200 },
    );
  });

  it('are exact if all runs take equally long and nobody else arrives', () => {
    const waiting = { model: 'm', isPrivileged: false, prefillMs: 100, holdMs: 1_000, overtaken: (ms: number) => ms };
    const slot = (freeInMs: number, isReserve = false) => ({ model: 'm', isReserve, freeInMs });
    const slots = [slot(300), slot(700), slot(0, true)];
    const line = [waiting, waiting, waiting];
    expect(estimateWaits(line, slots, 2)).toEqual([400, 800, 1_400]);
    expect(estimateWaits(line, slots, 1)).toEqual([800, 1_800, 2_800]); // the first that comes free stays empty
    expect(estimateWaits([{ ...waiting, isPrivileged: true }], slots, 2)).toEqual([100]); // the reserve
  });

  it('learn from past runs, and account for the request’s characters and tokens', () => {
    const run = { promptChars: 100, prefillMs: 200, answerTokens: 50, decodeMs: 1_000 };
    const { mean } = noteRun(noteRun(undefined, run), run);
    expect(mean).toEqual(run);
    expect(holdMs(mean, { promptChars: 300, maxTokens: undefined })).toBe(600 + 1_000);
    expect(holdMs(mean, { promptChars: 100, maxTokens: 10 })).toBe(200 + 200);
    expect(remainingPrefillMs({ done: 150, total: 250, reused: 50 }, 1_000)).toBe(1_000);
  });
});
