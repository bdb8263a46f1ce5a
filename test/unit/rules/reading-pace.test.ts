import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { limits } from '../../../src/protocol/limits.js';
import { afterFrames, framesAllowed, unread } from '../../../src/rules/reading-pace.js';
import { requestCostMs } from '../../../src/rules/token-bucket.js';

const { maxFramesAtOnce, maxFramesPerSecond } = limits;

it('lets in no more than is read at once and what time allows, whatever is sent', () => {
  const arrivals = fc.array(fc.record({ afterMs: fc.nat(3_000), frames: fc.nat(400) }), { maxLength: 60 });
  fc.assert(
    fc.property(arrivals, fc.nat(1e9), (arrivals, startMs) => {
      let [pace, nowMs] = [unread, startMs];
      const reads: { atMs: number; frames: number }[] = [];
      for (const { afterMs, frames } of arrivals) {
        nowMs += afterMs;
        const read = Math.min(frames, framesAllowed(pace, nowMs));
        pace = afterFrames(pace, read, nowMs);
        reads.push({ atMs: nowMs, frames: read });
      }
      for (const [i, from] of reads.entries()) {
        let total = 0;
        for (const { atMs, frames } of reads.slice(i)) {
          total += frames;
          expect(total).toBeLessThanOrEqual(maxFramesAtOnce + ((atMs - from.atMs) * maxFramesPerSecond) / 1_000 + 1);
        }
      }
    }),
  );
});

it('never holds up who keeps to it', () => {
  let pace = unread;
  for (let nowMs = 0; nowMs < 60_000; nowMs += 1_000 / maxFramesPerSecond) {
    expect(framesAllowed(pace, nowMs)).toBeGreaterThan(0);
    pace = afterFrames(pace, 1, nowMs);
  }
});

it('is full again after a rest, and not fuller', () => {
  const empty = afterFrames(unread, maxFramesAtOnce, 0);
  expect(framesAllowed(empty, 0)).toBe(0);
  expect(framesAllowed(empty, 1_000)).toBe(maxFramesPerSecond);
  expect(framesAllowed(empty, 1e9)).toBe(maxFramesAtOnce);
});

it('leaves a Master room for a prompt, a cancel and an acknowledgement of each request that it may make', () => {
  expect((3 * 1_000) / requestCostMs('master')).toBeLessThanOrEqual(maxFramesPerSecond);
});
