/** A clock that notices sleep: timers do not count it, and who listens is told. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AwakeClock } from '../../../src/runtime/awake-clock.js';

/** As Node on a real machine: time goes on while the process is stopped, and what fell due meanwhile fires at once on going on. */
class Machine {
  #ms = 0;
  #wallMs = 0;
  #timers: { readonly dueMs: number; readonly fire: () => void }[] = [];
  readonly now = (): number => this.#wallMs;
  readonly monotonicMs = (): number => this.#ms;
  readonly setTimeout = (fire: () => void, delayMs: number): unknown => {
    const timer = { dueMs: this.#ms + Math.max(1, delayMs), fire };
    this.#timers.push(timer);
    return timer;
  };
  readonly clearTimeout = (handle: unknown): void => {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  };
  get pending(): number {
    return this.#timers.length;
  }
  /** SIGSTOP, or a lid closed where the monotonic clock goes on. */
  stop(ms: number): void {
    this.#pass(ms);
  }
  /** A lid closed where it stands still (Linux). */
  suspend(ms: number): void {
    this.#wallMs += ms;
  }
  run(ms: number): void {
    const endMs = this.#ms + ms;
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > endMs) break;
      this.clearTimeout(next);
      this.#pass(Math.max(0, next.dueMs - this.#ms));
      next.fire();
    }
    this.#pass(endMs - this.#ms);
  }
  #pass(ms: number): void {
    this.#ms += ms;
    this.#wallMs += ms;
  }
}

function awake() {
  const machine = new Machine();
  const clock = new AwakeClock(machine);
  const woke: number[] = [];
  const unlisten = clock.onWake((awayMs) => woke.push(awayMs));
  return { machine, clock, woke, unlisten };
}

describe('awake', () => {
  it('every timer fires when it is due, in order, and nothing keeps the process alive after the last', () => {
    const delays = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(delays, (all) => {
        const { machine, clock, woke } = awake();
        const fired: number[] = [];
        for (const delay of all) clock.setTimeout(() => fired.push(machine.monotonicMs()), delay);
        machine.run(20_001);
        expect(fired).toEqual(all.map((delay) => Math.max(1, delay)).sort((a, b) => a - b));
        expect(machine.pending).toBe(0);
        expect(woke).toEqual([]);
      }),
    );
  });

  it('a timer that was cleared does not fire, and leaves nothing behind', () => {
    const { machine, clock } = awake();
    clock.clearTimeout(clock.setTimeout(() => expect.fail(), 10));
    clock.clearTimeout(undefined);
    expect(machine.pending).toBe(0);
    machine.run(100);
  });
});

describe('asleep', () => {
  it('a timer does not count the time that the process was stopped', () => {
    const timer = fc.record({
      delay: fc.integer({ min: 10_000, max: 60_000 }),
      before: fc.integer({ min: 0, max: 9_999 }),
    });
    fc.assert(
      fc.property(timer, fc.integer({ min: 5_000, max: 3_600_000 }), ({ delay, before }, stopped) => {
        const { machine, clock, woke } = awake();
        let firedMs = 0;
        clock.setTimeout(() => (firedMs = machine.monotonicMs()), delay);
        machine.run(before);
        machine.stop(stopped);
        machine.run(delay + 1_000);
        expect(firedMs - stopped).toBeGreaterThanOrEqual(delay);
        expect(firedMs - stopped).toBeLessThanOrEqual(delay + 1_000);
        expect(woke).toHaveLength(1);
        expect(woke[0]).toBeGreaterThanOrEqual(stopped);
        expect(woke[0]).toBeLessThanOrEqual(stopped + 1_000);
      }),
    );
  });

  it('timers that are cleared on waking leave nothing behind, whichever timer noticed it first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 500, max: 60_000 }), { minLength: 1, maxLength: 4 }), (delays) => {
        const { machine, clock } = awake();
        const timers = delays.map((delay) => clock.setTimeout(() => {}, delay));
        clock.onWake(() => {
          for (const timer of timers) clock.clearTimeout(timer);
        });
        machine.run(400);
        machine.stop(30_000);
        machine.run(10);
        expect(machine.pending).toBe(0);
      }),
    );
  });

  it('a watchdog and its reset: who is heard on waking is heard before the watchdog bites', () => {
    const { machine, clock } = awake();
    const watchdog = clock.setTimeout(() => expect.fail('it bit'), 5_000);
    machine.run(4_900);
    machine.stop(40_000);
    machine.run(50);
    clock.clearTimeout(watchdog);
    machine.run(60_000);
  });

  it('is noticed too where the monotonic clock stands still, and by whoever still listens', () => {
    const { machine, clock, woke, unlisten } = awake();
    let fired = false;
    clock.setTimeout(() => (fired = true), 3_600_000);
    machine.run(1_500);
    machine.suspend(3_600_000);
    machine.run(600);
    expect(woke).toEqual([3_601_000]);
    expect(fired).toBe(false);
    unlisten();
    machine.suspend(3_600_000);
    machine.run(2_000);
    expect(woke).toHaveLength(1);
  });

  it('a busy machine, whose timers are late by a second or two, was not asleep', () => {
    const { machine, clock, woke } = awake();
    clock.setTimeout(() => {}, 60_000);
    for (let i = 0; i < 20; i++) {
      machine.run(900);
      machine.stop(2_000);
    }
    expect(woke).toEqual([]);
  });
});
