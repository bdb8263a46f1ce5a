import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

describe('virtual clock', () => {
  it('fires what is armed, and not cleared, at its time, in order of time and then of arming', () => {
    const timers = fc.array(fc.record({ delayMs: fc.integer({ min: 1, max: 30 }), isCleared: fc.boolean() }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(timers, (plan) => {
        const clock = new VirtualClock();
        const fired: number[] = [];
        const handles = plan.map(({ delayMs }, index) =>
          clock.setTimeout(() => {
            expect(clock.monotonicMs()).toBe(delayMs);
            fired.push(index);
          }, delayMs),
        );
        plan.forEach(({ isCleared }, index) => isCleared && clock.clearTimeout(handles[index]));
        const kept = plan.map((timer, index) => ({ ...timer, index })).filter(({ isCleared }) => !isCleared);
        expect(clock.pending).toBe(kept.length);
        clock.advance(100);
        expect(fired).toEqual(
          kept.sort((a, b) => a.delayMs - b.delayMs || a.index - b.index).map(({ index }) => index),
        );
        expect(clock.pending).toBe(0);
      }),
    );
  });

  it('fires timers armed on the way, at their own time', () => {
    const clock = new VirtualClock(1_000);
    const seen: number[] = [];
    clock.setTimeout(() => {
      clock.setTimeout(() => seen.push(clock.now()), 5);
    }, 10);
    clock.setTimeout(() => seen.push(clock.now()), 20);
    clock.advance(50);
    expect(seen).toEqual([1_015, 1_020]);
    expect(clock.now()).toBe(1_050);
    expect(clock.monotonicMs()).toBe(50);
  });

  it('moves on when a timer re-arms itself without delay, and bears clearing in a timer, twice, and of nothing', () => {
    const clock = new VirtualClock();
    let turns = 0;
    const again = (): void => {
      turns++;
      clock.setTimeout(again, 0);
    };
    again();
    clock.advance(10);
    expect(turns).toBe(11);
    const other = clock.setTimeout(() => expect.unreachable(), 5);
    clock.setTimeout(() => {
      clock.clearTimeout(other);
      clock.clearTimeout(other);
      clock.clearTimeout(undefined);
    }, 5 - 1);
    clock.advance(10);
  });

  it('runs until something holds, no further', () => {
    const clock = new VirtualClock();
    let count = 0;
    for (let ms = 10; ms <= 50; ms += 10) clock.setTimeout(() => count++, ms);
    expect(clock.runUntil(() => count === 2, 1_000)).toBe(true);
    expect(clock.now()).toBe(20);
    expect(clock.runUntil(() => count === 9, 1_000)).toBe(false);
    expect(clock.now()).toBe(1_020);
  });
});
