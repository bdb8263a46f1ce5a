/**
 * Models in memory, played: requests come for any of them, run for a while and end, engines load and leave in their own time. Whatever comes
 * in whatever order, memory suffices, nothing that runs is cut off, and nobody waits for ever.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planResidency, turnMs, type Residence, type Resident } from '../../src/rules/residency.js';

const budgetBytes = 10;
const loadMs = 3_000;
const runMs = 2_000;
const stepMs = 500;

type Model = { -readonly [K in keyof Resident]: Resident[K] } & {
  readonly waits: number[];
  readonly ends: number[];
  dueMs: number;
};

class Machine {
  nowMs = 0;
  held: readonly number[] = [];
  served = 0;
  worstWaitMs = 0;
  readonly models: Map<number, Model>;

  constructor(sizes: readonly number[]) {
    const parked = {
      residence: 'parked' as Residence,
      running: 0,
      waitingSinceMs: undefined,
      usedAtMs: 0,
      loadedAtMs: 0,
    };
    this.models = new Map(
      sizes.map((memoryBytes, i) => [i, { memoryBytes, ...parked, waits: [], ends: [], dueMs: 0 }]),
    );
    this.look();
  }

  ask(key: number): void {
    this.models.get(key)?.waits.push(this.nowMs);
    this.look();
  }

  step(): void {
    this.nowMs += stepMs;
    for (const [key, model] of this.models) {
      while ((model.ends[0] ?? Infinity) <= this.nowMs) model.ends.shift();
      if (model.residence === 'loading' && model.dueMs <= this.nowMs)
        Object.assign(model, { residence: 'loaded', loadedAtMs: this.nowMs, usedAtMs: this.nowMs });
      else if (model.residence === 'leaving' && model.dueMs <= this.nowMs) model.residence = 'parked';
      if (model.residence !== 'loaded' || this.held.includes(key)) continue;
      while (model.ends.length < 2 && model.waits.length > 0) {
        this.worstWaitMs = Math.max(this.worstWaitMs, this.nowMs - model.waits.shift()!);
        this.served++;
        model.ends.push(this.nowMs + runMs);
      }
    }
    this.look();
  }

  look(): void {
    for (const model of this.models.values()) {
      model.waitingSinceMs = model.waits[0];
      model.running = model.ends.length;
      if (model.running > 0 || model.waits.length > 0) model.usedAtMs = this.nowMs;
    }
    const { load, unload, hold } = planResidency(this.models, budgetBytes, this.nowMs);
    for (const key of unload) {
      expect(this.models.get(key)).toMatchObject({ residence: 'loaded', running: 0 });
      Object.assign(this.models.get(key)!, { residence: 'leaving', dueMs: this.nowMs + stepMs });
    }
    for (const key of load) {
      expect(this.models.get(key)?.residence).toBe('parked');
      Object.assign(this.models.get(key)!, { residence: 'loading', dueMs: this.nowMs + loadMs });
    }
    this.held = hold;
    const inMemory = [...this.models.values()].filter(({ residence }) => residence !== 'parked');
    const bytes = inMemory.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    if (inMemory.length > 1) expect(bytes).toBeLessThanOrEqual(budgetBytes);
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 });

describe('models in memory', () => {
  it('never exceed the memory, are never unloaded with a request in them, and every waiting request is served', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 0, max: 6 })), { maxLength: 80 }),
        (each, asks) => {
          const machine = new Machine(each);
          let asked = 0;
          for (const [key, steps] of asks) {
            if (machine.models.has(key)) asked++;
            machine.ask(key);
            for (let i = 0; i < steps; i++) machine.step();
          }
          for (let i = 0; i < 4_000 && machine.served < asked; i++) machine.step();
          expect(machine.served).toBe(asked);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('give way after their turn even under constant demand', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), (count) => {
        const machine = new Machine(Array<number>(count).fill(10)); // one at a time
        for (let i = 0; i < 2_000; i++) {
          for (const [key, { waits }] of machine.models) if (waits.length < 3) machine.ask(key);
          machine.step();
        }
        // a turn of each other one, with its runs, its going and the next one's coming
        expect(machine.worstWaitMs).toBeLessThan(3 * count * (turnMs + runMs + loadMs + 2 * stepMs));
      }),
    );
  });

  it('that fit together are all loaded and stay, with or without demand', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }), (each) => {
        const machine = new Machine(each);
        for (let i = 0; i < 20; i++) machine.step();
        expect([...machine.models.values()].every(({ residence }) => residence === 'loaded')).toBe(true);
      }),
    );
  });

  it('are unloaded least recently used first, unused ones before used ones', () => {
    const resident = (usedAtMs: number, running = 0): Resident => ({
      memoryBytes: 4,
      residence: 'loaded',
      running,
      waitingSinceMs: undefined,
      usedAtMs,
      loadedAtMs: 0,
    });
    const wanted = { ...resident(0), residence: 'parked' as const, waitingSinceMs: 1_000 };
    const plan = (residents: [string, Resident][], nowMs = 1_000) =>
      planResidency(new Map<string, Resident>([...residents, ['wanted', wanted]]), 8, nowMs);
    expect(
      plan([
        ['old', resident(1)],
        ['new', resident(2)],
      ]),
    ).toEqual({ load: [], unload: ['old'], hold: [] });
    expect(
      plan([
        ['busy', resident(1, 1)],
        ['idle', resident(2)],
      ]),
    ).toEqual({ load: [], unload: ['idle'], hold: [] });
    expect(
      plan([
        ['a', resident(1, 1)],
        ['b', resident(2, 1)],
      ]),
    ).toEqual({ load: [], unload: [], hold: [] });
    expect(
      plan(
        [
          ['a', resident(1, 1)],
          ['b', resident(2, 1)],
        ],
        1_000 + turnMs,
      ),
    ).toEqual({
      load: [],
      unload: [],
      hold: ['a'],
    });
  });
});
