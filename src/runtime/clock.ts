/**
 * Time as a port. Everything that waits, measures or stamps asks a Clock, so a whole mesh can run on virtual time.
 * This file and random.ts are the only places where real time and real chance enter the program (a lint rule holds it).
 */
import { AwakeClock } from './awake-clock.js';

/** Opaque: what `setTimeout` of the same clock returned. */
export type TimerHandle = unknown;

/** Shaped so that it can be given to XState's `createActor(…, { clock })` as it is. */
export interface Clock {
  /** Unix milliseconds. May step when the machine's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never steps. For durations. */
  monotonicMs(): number;
  setTimeout(fn: () => void, delayMs: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
  /** Called when this process goes on after it, or the machine, slept for `awayMs`; or when the wall clock was set forward by as much. Returns what ends that. */
  onWake(listener: (awayMs: number) => void): () => void;
}

/** Its timers do not count the time that the machine slept. */
export const systemClock: Clock = new AwakeClock({
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (fn, delayMs) => setTimeout(fn, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
});

/** What the clock on the wall shows at a Unix time, where this machine stands. Day 0 is Sunday. */
export function localWallTime(atMs: number): { readonly day: number; readonly minute: number } {
  const at = new Date(atMs);
  return { day: at.getDay(), minute: 60 * at.getHours() + at.getMinutes() };
}
