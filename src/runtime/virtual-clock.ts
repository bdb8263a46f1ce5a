/**
 * A clock that moves only when told to, for tests and simulations. It steps to each due time in order, so code that
 * runs at 10 ms sees `now() === 10`, and what it arms for 15 ms fires before what was armed for 20 ms. (XState's
 * SimulatedClock jumps to the end first, and is late with timers created on the way.)
 */
import type { Clock } from './clock.js';

interface Timer {
  dueMs: number;
  /** Creation order; breaks ties between timers due at the same time. */
  readonly order: number;
  readonly fire: () => void;
  /** Index in the heap; -1 once removed. */
  place: number;
}

const isBefore = (a: Timer, b: Timer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

export class VirtualClock implements Clock {
  readonly #startMs: number;
  readonly #timers = new TimerHeap();
  readonly #listeners = new Set<(awayMs: number) => void>();
  #elapsedMs = 0;
  #created = 0;

  /** @param startMs Unix time at which the clock starts. */
  constructor(startMs = 0) {
    this.#startMs = startMs;
  }

  /** Whole milliseconds, like the real clock. */
  readonly now = (): number => Math.floor(this.#startMs + this.#elapsedMs);

  readonly monotonicMs = (): number => this.#elapsedMs;

  /** As in Node, a delay below 1 ms is 1 ms, so a timer that re-arms itself cannot stop time. */
  readonly setTimeout = (fire: () => void, delayMs: number): unknown => {
    const timer = { dueMs: this.#elapsedMs + Math.max(1, delayMs || 0), order: this.#created++, fire, place: -1 };
    this.#timers.push(timer);
    return timer;
  };

  readonly clearTimeout = (handle: unknown): void => {
    if (handle) this.#timers.remove(handle as Timer);
  };

  readonly onWake = (listener: (awayMs: number) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Nothing fires for `ms`, and every armed timer is due that much later; then the wake listeners are called. */
  sleep(ms: number): void {
    this.#elapsedMs += ms;
    this.#timers.delay(ms);
    for (const listener of [...this.#listeners]) listener(ms);
  }

  /** Number of timers armed and not yet fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Fires everything due within the next `ms`, then moves to the end of it. */
  advance(ms: number): void {
    const endMs = this.#elapsedMs + ms;
    while (this.#stepWithin(endMs));
    this.#elapsedMs = endMs;
  }

  /**
   * Steps until `isReached` returns true; it is checked before the first step and after each. Returns false if that
   * does not happen within `maxMs`; the clock is then `maxMs` later.
   */
  runUntil(isReached: () => boolean, maxMs: number): boolean {
    const endMs = this.#elapsedMs + maxMs;
    while (!isReached()) {
      if (this.#stepWithin(endMs)) continue;
      this.#elapsedMs = endMs;
      return false;
    }
    return true;
  }

  #stepWithin(endMs: number): boolean {
    const next = this.#timers.first;
    if (!next || next.dueMs > endMs) return false;
    this.#timers.remove(next);
    this.#elapsedMs = next.dueMs;
    next.fire();
    return true;
  }
}

/** A binary heap in which every timer knows its index, so clearing one costs O(log n) and leaves nothing behind. */
class TimerHeap {
  readonly #heap: Timer[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): Timer | undefined {
    return this.#heap[0];
  }

  push(timer: Timer): void {
    this.#rise(timer, this.#heap.length);
  }

  /** Delays all timers equally, so their order does not change. */
  delay(ms: number): void {
    for (const timer of this.#heap) timer.dueMs += ms;
  }

  /** Does nothing for a timer that is no longer in the heap. */
  remove(timer: Timer): void {
    const { place } = timer;
    if (place < 0) return;
    timer.place = -1;
    const last = this.#heap.pop();
    if (!last || last === timer) return;
    const parent = this.#heap[(place - 1) >> 1];
    if (place > 0 && parent && isBefore(last, parent)) this.#rise(last, place);
    else this.#sink(last, place);
  }

  #rise(timer: Timer, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above];
      if (!parent || !isBefore(timer, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(timer, place);
  }

  #sink(timer: Timer, from: number): void {
    let place = from;
    for (;;) {
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const child = left && right && isBefore(right, left) ? right : left;
      if (!child || !isBefore(child, timer)) break;
      const below = child.place;
      this.#put(child, place);
      place = below;
    }
    this.#put(timer, place);
  }

  #put(timer: Timer, place: number): void {
    this.#heap[place] = timer;
    timer.place = place;
  }
}
