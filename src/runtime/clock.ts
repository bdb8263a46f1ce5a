/**
 * Time as a port. Everything that waits, measures or timestamps uses a Clock, so a whole mesh can run on virtual time.
 * Only this file and random.ts use real time and real randomness (enforced by a lint rule).
 */
import { AwakeClock } from './awake-clock.js';

/** Opaque: what `setTimeout` of the same clock returned. */
export type TimerHandle = unknown;

/** Can be passed to XState's `createActor(…, { clock })` as it is. */
export interface Clock {
  /** Unix milliseconds. May step when the machine's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never steps. For durations. */
  monotonicMs(): number;
  setTimeout(fn: () => void, delayMs: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
  /**
   * Called when this process resumes after it or the machine slept for `awayMs`, or when the wall clock was set forward
   * by that much. Returns unsubscribe.
   */
  onWake(listener: (awayMs: number) => void): () => void;
}

/** Its timers do not count time that the machine slept. */
export const systemClock: Clock = new AwakeClock({
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (fn, delayMs) => setTimeout(fn, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
});

/** Local time of day at a Unix time, in this machine's time zone. Day 0 is Sunday. */
export function localWallTime(atMs: number): { readonly day: number; readonly minute: number } {
  const at = new Date(atMs);
  return { day: at.getDay(), minute: 60 * at.getHours() + at.getMinutes() };
}
