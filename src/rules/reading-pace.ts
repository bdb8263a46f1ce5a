/**
 * How fast one connection is read: so many frames at once, and so many a second from then on. What comes sooner waits unread, so
 * that one peer that sends as fast as it can costs the worker no more than this, however fast that is.
 *
 * Like a token bucket (token-bucket.ts) it is one number: the time since which nothing was read and paid for.
 *
 * Invariant: within any stretch of t ms no more frames are read than those at once and those that t allows.
 */
import { limits } from '../protocol/limits.js';

const frameMs = 1_000 / limits.maxFramesPerSecond;
const fullMs = limits.maxFramesAtOnce * frameMs;

/** On the caller's clock. */
export type ReadingPace = number;

export const unread: ReadingPace = -Infinity;

const emptyAtMs = (pace: ReadingPace, nowMs: number): number => Math.max(pace, nowMs - fullMs);

/** How many frames may be read now. */
export const framesAllowed = (pace: ReadingPace, nowMs: number): number =>
  Math.max(0, Math.floor((nowMs - emptyAtMs(pace, nowMs)) / frameMs));

export const afterFrames = (pace: ReadingPace, frames: number, nowMs: number): ReadingPace =>
  emptyAtMs(pace, nowMs) + frames * frameMs;
