import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { holdAfterResultMs, Holds, maxHolds } from '../../../src/rules/holds.js';
import { tierForOffer } from '../../../src/rules/standing.js';

describe('a book of holds', () => {
  it('says the sum of what is held, whatever is held, finished, released and expired in which order', () => {
    const step = fc.record({
      what: fc.constantFrom('hold', 'finish', 'release', 'expire'),
      key: fc.nat(8).map(String),
      millipoints: fc.nat(10_000),
      passMs: fc.nat(holdAfterResultMs),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const book = new Holds();
        const model = new Map<string, { account: string; millipoints: number; endMs: number }>();
        let nowMs = 0;
        for (const { what, key, millipoints, passMs } of steps) {
          nowMs += passMs;
          const account = `account ${Number(key) % 3}`;
          const known = model.get(key);
          if (what === 'hold') {
            expect(book.hold(key, account, millipoints)).toBe(known === undefined);
            if (known === undefined) model.set(key, { account, millipoints, endMs: Infinity });
          } else if (what === 'finish') {
            book.finish(key, nowMs);
            if (known?.endMs === Infinity) known.endMs = nowMs + holdAfterResultMs;
          } else if (what === 'release') {
            book.release(key);
            model.delete(key);
          } else {
            book.expire(nowMs);
            for (const [each, { endMs }] of model) if (endMs <= nowMs) model.delete(each);
          }
          expect(book.size).toBe(model.size);
          for (const account of ['account 0', 'account 1', 'account 2'])
            expect(book.heldFor(account)).toBe(
              [...model.values()].reduce((sum, hold) => sum + (hold.account === account ? hold.millipoints : 0), 0),
            );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes no more than its cap', () => {
    const book = new Holds();
    for (let n = 0; n < maxHolds; n++) book.hold(String(n), 'a', 1);
    expect(book.hold('one more', 'a', 1)).toBe(false);
    expect(book.heldFor('a')).toBe(maxHolds);
  });
});

test('a tier is for who pays a point or more and has it; the rest are guests, or refused', () => {
  const standing = (maxPrice: number, balance: number, held = 0) => tierForOffer({ maxPrice, balance, held });
  expect(standing(0, 20_000_000)).toBe('guest');
  expect(standing(999, 20_000_000)).toBe('guest');
  expect(standing(1_000, 20_000_000)).toBe('master');
  expect(standing(1_000, 1_000)).toBe('bronze');
  expect(standing(1_000, 999)).toBeUndefined();
  expect(standing(1_000, 100_000, 99_000)).toBe('silver'); // of the balance, not of what is free
  expect(standing(1_000, 100_000, 99_001)).toBeUndefined();
  expect(standing(0, -5)).toBe('guest');
});
