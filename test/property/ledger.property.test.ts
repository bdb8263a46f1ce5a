/** The ledger's fold and its sums, one receipt at a time, against each other and against what must hold of any ledger. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  dailyMintCapMillipoints,
  foldLedger,
  mintDayOf,
  type AccountState,
  type LedgerEntry,
  type Minters,
} from '../../src/rules/ledger.js';
import { LedgerTotals } from '../../src/rules/totals.js';
import { entries, noonMs, sha256 } from '../support/ledger-cases.js';
import { isSoak } from '../support/soak.js';

const minters: fc.Arbitrary<Minters> = fc.oneof(
  fc.constant('everyone' as const),
  fc.subarray(['a', 'b', 'c', 'd', 'e']).map((names) => new Set(names)),
);

/** As a node does it that holds its entries in a map. */
class Node {
  readonly totals: LedgerTotals;
  readonly #holders: Map<string, LedgerEntry>;
  constructor(minters: Minters, holders: Iterable<[string, LedgerEntry]> = []) {
    this.totals = new LedgerTotals(minters);
    this.#holders = new Map(holders);
  }
  restarted(minters: Minters): Node {
    const next = new Node(minters, this.#holders);
    for (const account of this.totals.accounts())
      next.totals.restore(account, JSON.parse(JSON.stringify(this.totals.sumsOf(account))));
    return next;
  }
  take(some: readonly LedgerEntry[]): void {
    for (const entry of some) this.#holders.set(entry.order, this.totals.settle(entry, this.#holders.get(entry.order)));
  }
  states(): Map<string, AccountState | undefined> {
    return new Map([...this.totals.accounts()].map((account) => [account, this.totals.stateOf(account)]));
  }
}

const sorted = <Value>(map: ReadonlyMap<string, Value>): [string, Value][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** The same set in another order, with some of it again. */
const disguised = (set: readonly LedgerEntry[]): fc.Arbitrary<LedgerEntry[]> =>
  fc
    .tuple(fc.shuffledSubarray([...set], { minLength: set.length }), fc.shuffledSubarray([...set]))
    .map(([all, again]) => [...again.slice(0, again.length >> 1), ...all, ...again.slice(again.length >> 1)]);

const runs = { numRuns: isSoak ? 20_000 : 300 };

describe('the fold of the ledger', () => {
  it('depends on the set alone: any order, any duplicates', () => {
    const cases = entries(120).chain((set) => fc.tuple(fc.constant(set), disguised(set), minters));
    fc.assert(
      fc.property(cases, ([set, other, minters]) => {
        expect(sorted(foldLedger(other, minters))).toEqual(sorted(foldLedger(set, minters)));
      }),
      runs,
    );
  });

  it('is what one receipt at a time comes to, in any order, with any duplicates, in any parts that two nodes exchange', () => {
    const cases = entries(120).chain((set) =>
      fc.tuple(fc.constant(set), disguised(set), fc.array(fc.boolean(), { minLength: 400, maxLength: 400 }), minters),
    );
    fc.assert(
      fc.property(cases, ([set, other, sides, minters]) => {
        const whole = sorted(foldLedger(set, minters));
        const one = new Node(minters);
        one.take(other);
        expect(sorted(one.states())).toEqual(whole);

        const left = new Node(minters);
        const right = new Node(minters);
        const [here, there] = [true, false].map((side) => other.filter((_, at) => sides[at] === side));
        left.take(here!);
        right.take(there!);
        expect(sorted(left.states())).toEqual(sorted(foldLedger(here!, minters))); // each for itself while parted
        left.take(there!);
        right.take(here!);
        expect(sorted(left.states())).toEqual(whole);
        expect(sorted(right.states())).toEqual(whole);
      }),
      runs,
    );
  });

  it('goes on from sums that were kept, as if it had seen all', () => {
    const cases = fc.tuple(entries(120), fc.array(fc.boolean(), { minLength: 120, maxLength: 120 }), minters);
    fc.assert(
      fc.property(cases, ([set, sides, minters]) => {
        const before = new Node('everyone'); // who may mint is asked when a balance is, not when sums are kept
        before.take(set.filter((_, at) => sides[at]));
        const after = before.restarted(minters);
        after.take(set);
        expect(sorted(after.states())).toEqual(sorted(foldLedger(set, minters)));
      }),
      runs,
    );
  });

  it('holds whole numbers only, and keeps points: all balances together are what was minted and awarded', () => {
    fc.assert(
      fc.property(entries(120), minters, (set, minters) => {
        const states = [...foldLedger(set, minters).values()];
        for (const { record, achievements: _, ...sums } of states)
          for (const number of [...Object.values(sums), ...Object.values(record)])
            expect(Number.isSafeInteger(number)).toBe(true);
        const total = (part: keyof AccountState) => states.reduce((sum, state) => sum + Number(state[part]), 0);
        expect(total('balance')).toBe(total('minted') + total('awarded'));
        expect(total('earned')).toBe(total('spent'));
      }),
      runs,
    );
  });

  it('mints at most the cap for each worker and UTC day, and nothing for who may not mint', () => {
    fc.assert(
      fc.property(entries(400), minters, (set, minters) => {
        for (const [account, { minted, awarded }] of foldLedger(set, minters)) {
          const days = new Set(set.filter(({ worker }) => worker === account).map(mintDayOf)).size;
          expect(minted).toBeLessThanOrEqual(days * dailyMintCapMillipoints);
          if (minters !== 'everyone' && !minters.has(account)) expect([minted, awarded]).toEqual([0, 0]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('counts one receipt of an order, the one with the lowest hash', () => {
    fc.assert(
      fc.property(entries(60), (set) => {
        const lowest = new Map<string, LedgerEntry>();
        for (const entry of [...set].sort((a, b) => (a.hash < b.hash ? 1 : -1))) lowest.set(entry.order, entry);
        expect(sorted(foldLedger(set))).toEqual(sorted(foldLedger(lowest.values())));
      }),
      runs,
    );
  });
});

it('a worker reaches the cap of a day, and each achievement with the request that its row names', () => {
  const totals = new LedgerTotals();
  const serve = (count: number, change: Partial<LedgerEntry> = {}): AccountState | undefined => {
    for (let n = 0; n < count; n++) {
      const hash = sha256(`${JSON.stringify(change)} ${n}`);
      const base = { maxPrice: 0, score: 1_000, success: true, complexity: 0, responseMs: 2_000, finishedAt: noonMs };
      totals.settle({ hash, order: hash, worker: 'w', client: 'c', ...base, ...change }, undefined);
    }
    return totals.stateOf('w');
  };
  expect(serve(5, { success: false, score: 0, responseMs: 1 })).toMatchObject({ balance: 0, achievements: [] });
  expect(serve(1)).toMatchObject({ balance: 6_000, achievements: ['first_light'] });
  expect(serve(9, { responseMs: 1_999 })?.achievements).toEqual(['first_light']);
  expect(serve(1, { responseMs: 1_998 })?.achievements).toEqual(['first_light', 'speed_demon']);
  expect(serve(25, { complexity: 3_000 })?.achievements).toContain('heavy_lifter');
  for (let n = 0; n < 8; n++) serve(1, { client: `c${n}` });
  expect(totals.stateOf('w')?.achievements).not.toContain('good_neighbour');
  expect(serve(1, { client: 'tenth' })?.achievements).toContain('good_neighbour');
  expect(serve(54, { model: 'more' } as Partial<LedgerEntry>)?.record.served).toBe(99);
  expect(serve(1, { responseMs: 5_000 })?.achievements).toContain('century');
  expect(serve(899, { responseMs: 6_000 })?.achievements).not.toContain('marathon');
  expect(serve(1, { responseMs: 7_000 })).toMatchObject({
    achievements: ['first_light', 'speed_demon', 'heavy_lifter', 'good_neighbour', 'century', 'marathon'],
    minted: 500_000,
    awarded: 325_000,
    balance: 825_000,
  });
  expect(serve(1, { finishedAt: noonMs + 43_199_999 })?.minted).toBe(500_000); // the last millisecond of the day
  expect(serve(1, { finishedAt: noonMs + 43_200_000 })?.minted).toBe(501_000);
});
