/**
 * The clock of one node, which can be stopped with everything that runs on it, as by SIGSTOP. What falls due meanwhile
 * fires at the thaw, in order.
 */
import type { Clock } from '../../../src/runtime/clock.js';

interface Timer {
  handle: unknown;
  isCleared: boolean;
}

export class FreezableClock implements Clock {
  readonly #clock: Clock;
  #held: (() => void)[] = [];
  #isFrozen = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How far this node's wall clock is ahead of the others. */
  aheadMs = 0;

  readonly now = (): number => this.#clock.now() + this.aheadMs;
  readonly monotonicMs = (): number => this.#clock.monotonicMs();
  readonly onWake = (listener: (awayMs: number) => void): (() => void) => this.#clock.onWake(listener);

  readonly setTimeout = (fire: () => void, delayMs: number): unknown => {
    const timer: Timer = { handle: undefined, isCleared: false };
    const due = (): void => {
      if (this.#isFrozen) this.#held.push(due);
      else if (!timer.isCleared) fire();
    };
    timer.handle = this.#clock.setTimeout(due, delayMs);
    return timer;
  };

  readonly clearTimeout = (timer: unknown): void => {
    if (timer === undefined) return;
    (timer as Timer).isCleared = true;
    this.#clock.clearTimeout((timer as Timer).handle);
  };

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const due of this.#held.splice(0)) due();
  }

  /** Delivers something from the world to this node: at once, or at the thaw. */
  deliver(arrive: () => void): void {
    if (this.#isFrozen) this.#held.push(arrive);
    else arrive();
  }
}
