/**
 * A clock that notices when this process, or the whole machine, has slept: a tick comes much too late. Then
 *
 * - its timers do not count that time. A watchdog that gives an engine a minute to load must not kill it because somebody closed
 *   the lid meanwhile; with the timers of the system all of them would fire at once on waking, before anybody could be heard;
 * - listeners are told, since the other ends of all connections have gone on without us.
 *
 * Time itself goes on: `now` and `monotonicMs` are those of the clock below, so that what is stale is seen to be.
 */
import type { Clock, TimerHandle } from './clock.js';

const tickMs = 1_000;
/** What a tick may be late on a busy machine. Sleep shorter than that is not worth noticing. */
const lateMs = 3_000;
/** Timers of the system may fire a little early by the monotonic clock. */
const earlyMs = 2;

interface Timer {
  /** On a clock that stands still while the machine sleeps. */
  readonly dueMs: number;
  readonly fire: () => void;
  handle: TimerHandle;
}

export class AwakeClock implements Clock {
  readonly #below: Omit<Clock, 'onWake'>;
  readonly #timers = new Set<Timer>();
  readonly #listeners = new Set<(awayMs: number) => void>();
  /** Runs while a timer is armed, so that it keeps no process alive. */
  #tick: TimerHandle;
  #seenMs = 0;
  #seenWallMs = 0;
  #sleptMs = 0;

  constructor(below: Omit<Clock, 'onWake'>) {
    this.#below = below;
  }

  readonly now = (): number => this.#below.now();

  readonly monotonicMs = (): number => this.#below.monotonicMs();

  readonly setTimeout = (fire: () => void, delayMs: number): Timer => {
    if (this.#timers.size === 0) this.#startTicking();
    const timer: Timer = { dueMs: this.#awakeMs() + Math.max(1, delayMs || 0), fire, handle: undefined };
    this.#timers.add(timer);
    this.#arm(timer, delayMs);
    return timer;
  };

  readonly clearTimeout = (handle: TimerHandle): void => {
    const timer = handle as Timer | undefined;
    if (timer === undefined || !this.#timers.delete(timer)) return;
    this.#below.clearTimeout(timer.handle);
    if (this.#timers.size === 0) this.#below.clearTimeout(this.#tick);
  };

  readonly onWake = (listener: (awayMs: number) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  #awakeMs(): number {
    return this.#below.monotonicMs() - this.#sleptMs;
  }

  #arm(timer: Timer, delayMs: number): void {
    timer.handle = this.#below.setTimeout(() => {
      this.#look();
      if (!this.#timers.has(timer)) return; // who was told of the waking has cleared it
      const restMs = timer.dueMs - this.#awakeMs();
      if (restMs > earlyMs) this.#arm(timer, restMs);
      else {
        this.clearTimeout(timer);
        timer.fire();
      }
    }, delayMs);
  }

  #startTicking(): void {
    this.#seenMs = this.#below.monotonicMs();
    this.#seenWallMs = this.#below.now();
    const tick = (): void => {
      this.#tick = this.#below.setTimeout(tick, tickMs); // first: who is told of a waking may clear the last timer
      this.#look();
    };
    this.#tick = this.#below.setTimeout(tick, tickMs);
  }

  /** At every tick and every timer: on waking many are due, and the first of them has to know. */
  #look(): void {
    const gapMs = this.#below.monotonicMs() - this.#seenMs;
    const wallGapMs = this.#below.now() - this.#seenWallMs;
    this.#seenMs += gapMs;
    this.#seenWallMs += wallGapMs;
    // Where the monotonic clock stands still in sleep (Linux), so do the timers: then only the wall clock tells.
    // When in the last second it fell asleep nobody knows: a watchdog may be late by that, but not early.
    if (gapMs > tickMs + lateMs) this.#sleptMs += gapMs;
    const awayMs = Math.max(gapMs, wallGapMs);
    if (awayMs > tickMs + lateMs) for (const listener of [...this.#listeners]) listener(awayMs);
  }
}
