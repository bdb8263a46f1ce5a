import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  healthScore,
  healthState,
  lowBatteryPercent,
  nextHealth,
  unknownHealth,
  type Health,
  type HealthSample,
} from '../../../src/rules/health.js';

const percent = fc.double({ min: 0, max: 100, noNaN: true });
const sample: fc.Arbitrary<HealthSample> = fc.record({ cpu: percent, memory: percent, load: percent, queue: percent });
const order = ['overloaded', 'busy', 'moderate', 'light', 'idle'];

describe('health', () => {
  it('weighs CPU and memory 0.30 each, load and queue 0.20 each', () => {
    const none = { cpu: 0, memory: 0, load: 0, queue: 0 };
    expect(healthScore(none)).toBe(100);
    expect(healthScore({ ...none, cpu: 100 })).toBe(70);
    expect(healthScore({ ...none, memory: 100 })).toBe(70);
    expect(healthScore({ ...none, load: 100 })).toBe(80);
    expect(healthScore({ ...none, queue: 100 })).toBe(80);
    expect(healthScore({ cpu: 100, memory: 100, load: 100, queue: 100 })).toBe(0);
  });

  it('is an integer from 0 to 100 even for samples out of range', () => {
    const wild = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.record({ cpu: wild, memory: wild, load: wild, queue: wild }), (anything) => {
        const score = healthScore(anything);
        expect(Number.isInteger(score) && score >= 0 && score <= 100).toBe(true);
      }),
    );
  });

  it('never rises as a term rises, and neither does the capacity', () => {
    const term = fc.constantFrom('cpu', 'memory', 'load', 'queue');
    fc.assert(
      fc.property(sample, term, percent, (before, name, more) => {
        const after = { ...before, [name]: before[name] + more };
        const [a, b] = [healthScore(before), healthScore(after)];
        expect(b).toBeLessThanOrEqual(a);
        expect(healthState(b).capacity).toBeLessThanOrEqual(healthState(a).capacity);
        expect(order.indexOf(healthState(b).state)).toBeLessThanOrEqual(order.indexOf(healthState(a).state));
      }),
    );
  });

  it.each([
    [100, 'idle', 100],
    [80, 'idle', 100],
    [79, 'light', 80],
    [60, 'light', 80],
    [59, 'moderate', 60],
    [40, 'moderate', 60],
    [39, 'busy', 40],
    [20, 'busy', 40],
    [19, 'overloaded', 0],
    [0, 'overloaded', 0],
  ])('%i is %s with %i %% of capacity: a boundary belongs to the better state', (score, state, capacity) => {
    expect(healthState(score)).toEqual({ state, capacity });
  });

  it('is at best busy on a low battery, and unaffected by any other', () => {
    const battery = fc.record({ percent, isDischarging: fc.boolean() });
    fc.assert(
      fc.property(sample, battery, (plain, battery) => {
        const score = healthScore({ ...plain, battery });
        if (battery.isDischarging && battery.percent < lowBatteryPercent) {
          expect(['busy', 'overloaded']).toContain(healthState(score).state);
          expect(score).toBeLessThanOrEqual(healthScore(plain));
        } else expect(score).toBe(healthScore(plain));
      }),
    );
  });
});

describe('a state', () => {
  const states = (samples: readonly HealthSample[]): Health[] => {
    let health: Health = { ...unknownHealth, doubt: undefined };
    return samples.map((each) => (health = nextHealth(health, each)));
  };
  const saysOf = (each: HealthSample) => healthState(healthScore(each)).state;

  it('is left only at the second contradicting sample in a row, for the state of that sample', () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 30 }), (samples) => {
        const course = states(samples);
        course.forEach(({ state }, i) => {
          const before = course[i - 1]?.state ?? 'idle';
          if (state === before) return;
          const [last, previous] = [samples[i], samples[i - 1]];
          expect(last !== undefined && saysOf(last) === state).toBe(true);
          expect(previous !== undefined && saysOf(previous) !== before).toBe(true);
        });
      }),
    );
  });

  it('is left at the latest at the second contradicting sample, and kept while all agree', () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 30 }), sample, (samples, last) => {
        const steady = states([...samples, last, last, last, last]).slice(-2);
        for (const { state, capacity, score, doubt } of steady) {
          expect({ state, capacity }).toEqual(healthState(healthScore(last)));
          expect(score).toBe(healthScore(last));
          expect(doubt).toBeUndefined();
        }
      }),
    );
  });
});
