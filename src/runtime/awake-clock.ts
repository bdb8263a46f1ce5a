/**
 * A clock that notices when this process or the whole machine was asleep, because a tick comes much too late. Then:
 *
 * - Timers do not count that time. A watchdog that gives an engine a minute to load must not kill it because the lid
 *   was closed; system timers would all fire at once on waking, before any message could be processed.
 * - Listeners are told, because the other ends of all connections went on without us.
 *
 * Time itself goes on: `now` and `monotonicMs` are those of the underlying clock, so stale data still counts as stale.
 */
import type { Clock, TimerHandle } from './clock.js';

const tickMs = 1_000;
/** How late a tick may be on a busy machine. Shorter sleeps are ignored. */
const lateMs = 3_000;
/** System timers may fire slightly early according to the monotonic clock. */
const earlyMs = 2;

interface Timer {
  /** On a clock that stops while the machine sleeps. */
  readonly dueMs: number;
  readonly fire: () => void;
  handle: TimerHandle;
}

export class AwakeClock implements Clock {
  readonly #below: Omit<Clock, 'onWake'>;
  readonly #timers = new Set<Timer>();
  readonly #listeners = new Set<(awayMs: number) => void>();
  /** Runs only while a timer is armed, so it keeps no process alive. */
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
      if (!this.#timers.has(timer)) return; // cleared by a wake listener
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
      this.#tick = this.#below.setTimeout(tick, tickMs); // before #look: a wake listener may clear the last timer
      this.#look();
    };
    this.#tick = this.#below.setTimeout(tick, tickMs);
  }

  /** Called at every tick and every timer: many timers are due on waking, and the first one must know of the sleep. */
  #look(): void {
    const gapMs = this.#below.monotonicMs() - this.#seenMs;
    const wallGapMs = this.#below.now() - this.#seenWallMs;
    this.#seenMs += gapMs;
    this.#seenWallMs += wallGapMs;
    // Where the monotonic clock stops during sleep (Linux), timers stop too, and only the wall clock shows the gap.
    // When within the last second the sleep began is unknown: a watchdog may be late by that much, but not early.
    if (gapMs > tickMs + lateMs) this.#sleptMs += gapMs;
    const awayMs = Math.max(gapMs, wallGapMs);
    if (awayMs > tickMs + lateMs) for (const listener of [...this.#listeners]) listener(awayMs);
  }
}
