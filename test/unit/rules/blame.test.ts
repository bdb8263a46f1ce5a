/** Who killed an engine: the invariants of rules/blame.ts, over any set of runs. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { culpritOf, isOnTrial, type RunAtDeath } from '../../../src/rules/blame.js';

const anyRun = fc.record({ losses: fc.nat(2), hasSpoken: fc.boolean() });
const run = (losses: number, hasSpoken: boolean): RunAtDeath => ({ losses, hasSpoken });

describe('an engine died', () => {
  it('nobody is blamed for a first loss, nor where another may as well have done it', () => {
    fc.assert(
      fc.property(fc.array(anyRun, { maxLength: 9 }), (runs) => {
        const culprit = culpritOf(runs);
        if (culprit === undefined) return;
        expect(runs).toContain(culprit);
        expect(culprit.losses).toBeGreaterThan(0);
        for (const other of runs)
          if (other !== culprit) expect([other.hasSpoken, culprit.hasSpoken]).toEqual([true, false]);
      }),
    );
  });

  it('while one that was lost before read its prompt by itself: that one did it, whoever spoke beside it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { maxLength: 8 }), fc.integer({ min: 1, max: 2 }), (beside, losses) => {
        const suspect = run(losses, false);
        expect(isOnTrial(suspect)).toBe(true);
        expect(culpritOf([...beside.map((before) => run(before, true)), suspect])).toBe(suspect);
      }),
    );
  });

  it('under one request alone, twice: that one did it, at whatever token', () => {
    const alone = run(1, true);
    expect(culpritOf([alone])).toBe(alone);
    expect(culpritOf([run(0, true)])).toBeUndefined();
    expect(culpritOf<RunAtDeath>([])).toBeUndefined();
  });
});
