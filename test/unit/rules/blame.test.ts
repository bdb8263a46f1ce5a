/** Who killed an engine: the invariants of rules/blame.ts, over any set of runs. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { culpritOf, isOnTrial, type RunAtDeath } from '../../../src/rules/blame.js';

const anyRun = fc.record({ losses: fc.nat(2), hasSpoken: fc.boolean() });
const run = (losses: number, hasSpoken: boolean): RunAtDeath => ({ losses, hasSpoken });

describe('when an engine dies', () => {
  it('nobody is blamed for a first loss, or if another may have done it', () => {
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

  it('a suspect reading its prompt alone is blamed, whatever streamed beside it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { maxLength: 8 }), fc.integer({ min: 1, max: 2 }), (beside, losses) => {
        const suspect = run(losses, false);
        expect(isOnTrial(suspect)).toBe(true);
        expect(culpritOf([...beside.map((before) => run(before, true)), suspect])).toBe(suspect);
      }),
    );
  });

  it('a lone request is blamed for its second loss, at any token', () => {
    const alone = run(1, true);
    expect(culpritOf([alone])).toBe(alone);
    expect(culpritOf([run(0, true)])).toBeUndefined();
    expect(culpritOf<RunAtDeath>([])).toBeUndefined();
  });
});
