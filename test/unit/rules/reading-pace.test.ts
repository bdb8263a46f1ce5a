import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeMessage } from '../../../src/protocol/decode.js';
import { limits } from '../../../src/protocol/limits.js';
import { afterReading, costInFrames, framesAllowed, unread } from '../../../src/rules/reading-pace.js';
import { requestCostMs } from '../../../src/rules/token-bucket.js';

const { maxFramesAtOnce, maxFramesPerSecond } = limits;

it('never reads more than the burst and what time allows, whatever is sent', () => {
  const arrivals = fc.array(fc.record({ afterMs: fc.nat(3_000), frames: fc.nat(400) }), { maxLength: 60 });
  fc.assert(
    fc.property(arrivals, fc.nat(1e9), (arrivals, startMs) => {
      let [pace, nowMs] = [unread, startMs];
      const reads: { atMs: number; frames: number }[] = [];
      for (const { afterMs, frames } of arrivals) {
        nowMs += afterMs;
        const read = Math.min(frames, framesAllowed(pace, nowMs));
        pace = afterReading(pace, { frames: read, bytes: 0 }, nowMs);
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

it('never delays a sender that keeps to it', () => {
  let pace = unread;
  for (let nowMs = 0; nowMs < 60_000; nowMs += 1_000 / maxFramesPerSecond) {
    expect(framesAllowed(pace, nowMs)).toBeGreaterThan(0);
    pace = afterReading(pace, { frames: 1, bytes: 0 }, nowMs);
  }
});

it('is full again after a rest, but no fuller', () => {
  const empty = afterReading(unread, { frames: maxFramesAtOnce, bytes: 0 }, 0);
  expect(framesAllowed(empty, 0)).toBe(0);
  expect(framesAllowed(empty, 1_000)).toBe(maxFramesPerSecond);
  expect(framesAllowed(empty, 1e9)).toBe(maxFramesAtOnce);
});

it('leaves a Master room for a prompt, a cancel and an acknowledgement of each request that it may make', () => {
  expect((3 * 1_000) / requestCostMs('master')).toBeLessThanOrEqual(maxFramesPerSecond);
});

it('reads long frames as slowly as many short ones', () => {
  const longest = { frames: 1, bytes: limits.maxFrameBytes };
  let [pace, bytes] = [unread, 0];
  const seconds = 60;
  for (let nowMs = 0; nowMs < seconds * 1_000; nowMs += 50)
    while (framesAllowed(pace, nowMs) > 0) {
      pace = afterReading(pace, longest, nowMs);
      bytes += longest.bytes;
    }
  const allowed = (maxFramesAtOnce + seconds * maxFramesPerSecond) * limits.frameStepBytes;
  expect(bytes).toBeLessThanOrEqual(allowed + limits.maxFrameBytes);
});

it.each<[what: string, frame: Record<string, unknown>, isAnswered: boolean]>([
  ['of an unknown type', { v: 3, type: 'later', id: 'a' }, false],
  ['of no type', {}, false],
  ['a prompt without a readable id', { v: 2, type: 'prompt', id: 'a b', prompt: 'x' }, false],
  ['a prompt', { v: 2, type: 'prompt', id: 'a', prompt: 'x' }, true],
  ['a prompt that does not fit', { v: 2, type: 'prompt', id: 'a', prompt: 5 }, true],
  ['a prompt of another version', { v: 3, type: 'prompt', id: 'a' }, true],
  ['a cancel', { v: 2, type: 'cancel', id: 'a' }, true],
])('counts a frame %s as one only where it causes work', (_, frame, isAnswered) => {
  expect(costInFrames(decodeMessage(frame))).toBe(isAnswered ? 1 : 1 / limits.maxIgnoredPerFrame);
});
