/**
 * How fast a connection is read: a burst, then a fixed rate. Frames beyond that wait unread, so that a peer that sends
 * as fast as it can costs the worker no more than this. A frame counts as one, plus one for every `frameStepBytes`,
 * since long frames take long to parse. Several frames that need no answer, such as types of a later version, count as
 * one: reading and dropping them takes a fraction of what an answer takes.
 *
 * Like a token bucket (token-bucket.ts), the state is one number: the time up to which everything read is paid for.
 *
 * Invariant: within any stretch of t ms no more is read than the burst, what t allows, and one frame.
 */
import type { DecodeOutcome } from '../protocol/decode.js';
import { limits } from '../protocol/limits.js';

const frameMs = 1_000 / limits.maxFramesPerSecond;
const fullMs = limits.maxFramesAtOnce * frameMs;

/** On the caller's clock. */
export type ReadingPace = number;

export const unread: ReadingPace = -Infinity;

const emptyAtMs = (pace: ReadingPace, nowMs: number): number => Math.max(pace, nowMs - fullMs);

/** What a frame counts as, apart from its length. */
export const costInFrames = (outcome: DecodeOutcome<unknown>): number =>
  outcome.kind === 'message' || 'id' in outcome ? 1 : 1 / limits.maxIgnoredPerFrame;

/** How many frames may be read now. */
export const framesAllowed = (pace: ReadingPace, nowMs: number): number =>
  Math.max(0, Math.floor((nowMs - emptyAtMs(pace, nowMs)) / frameMs));

/** After reading `bytes`, which completed this many frames. */
export const afterReading = (
  pace: ReadingPace,
  { frames, bytes }: { readonly frames: number; readonly bytes: number },
  nowMs: number,
): ReadingPace => emptyAtMs(pace, nowMs) + (frames + bytes / limits.frameStepBytes) * frameMs;
