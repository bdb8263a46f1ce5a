/**
 * How fast one connection is read: so much at once, and so much a second from then on. What comes sooner waits unread, so that one
 * peer that sends as fast as it can costs the worker no more than this, however fast that is. A frame counts as one, and once more
 * for every `frameStepBytes` that it is long, since what is long takes long to parse. Of those that are owed nothing, such as what only a
 * later version understands, many count as one: to read and forget takes a small part of what it takes to answer.
 *
 * Like a token bucket (token-bucket.ts) it is one number: the time up to which what was read is paid for.
 *
 * Invariant: within any stretch of t ms no more is read than that at once, what t allows, and one frame.
 */
import type { DecodeOutcome } from '../protocol/decode.js';
import { limits } from '../protocol/limits.js';

const frameMs = 1_000 / limits.maxFramesPerSecond;
const fullMs = limits.maxFramesAtOnce * frameMs;

/** On the caller's clock. */
export type ReadingPace = number;

export const unread: ReadingPace = -Infinity;

const emptyAtMs = (pace: ReadingPace, nowMs: number): number => Math.max(pace, nowMs - fullMs);

/** What a frame counts as, whatever its length. */
export const costInFrames = (outcome: DecodeOutcome<unknown>): number =>
  outcome.kind === 'message' || 'id' in outcome ? 1 : 1 / limits.maxIgnoredPerFrame;

/** How many frames may be read now. */
export const framesAllowed = (pace: ReadingPace, nowMs: number): number =>
  Math.max(0, Math.floor((nowMs - emptyAtMs(pace, nowMs)) / frameMs));

/** After `bytes` were read, which ended so many frames. */
export const afterReading = (
  pace: ReadingPace,
  { frames, bytes }: { readonly frames: number; readonly bytes: number },
  nowMs: number,
): ReadingPace => emptyAtMs(pace, nowMs) + (frames + bytes / limits.frameStepBytes) * frameMs;
