/**
 * Validators by their rules alone (judging, pledges, quorum, fold), without network and signatures: some lie and attest to
 * anything, a client spends everywhere at once and acks twice, and what is heard comes to everyone in another order.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge } from '../../src/rules/attestation.js';
import { Holds } from '../../src/rules/holds.js';
import { paidOf, type LedgerEntry } from '../../src/rules/ledger.js';
import { leastThreshold } from '../../src/rules/quorum.js';
import { LedgerTotals } from '../../src/rules/totals.js';
import { noonMs, sha256 } from '../support/ledger-cases.js';
import { isSoak } from '../support/soak.js';

const spender = 'the client';

class HonestValidator {
  readonly totals = new LedgerTotals();
  readonly pledges = new Holds();
  readonly attested = new Set<string>();
  readonly #receipts = new Map<string, string>();
  readonly #holders = new Map<string, LedgerEntry>();

  /** @returns whether it attests it now */
  hear(entry: LedgerEntry): boolean {
    if (this.attested.has(entry.hash)) return true;
    const view = {
      receiptOf: (order: string) => this.#receipts.get(order),
      balanceOf: (account: string) => this.totals.balanceOf(account),
      pledgedBy: (client: string) => this.pledges.heldFor(client),
      isBanned: () => false,
    };
    if (judge({ entry, orderedAt: noonMs }, view, noonMs) !== 'valid') return false;
    this.#receipts.set(entry.order, entry.hash);
    this.attested.add(entry.hash);
    if (!this.#isCounted(entry)) this.pledges.hold(entry.hash, entry.client, paidOf(entry));
    return true;
  }

  count(entry: LedgerEntry): void {
    if (!this.#receipts.has(entry.order)) this.#receipts.set(entry.order, entry.hash);
    this.#holders.set(entry.order, this.totals.settle(entry, this.#holders.get(entry.order)));
    this.pledges.release(entry.hash);
  }

  #isCounted({ order, hash }: LedgerEntry): boolean {
    return this.#holders.get(order)?.hash === hash;
  }
}

const entryFor = (order: string, version: number, score: number): LedgerEntry => ({
  hash: sha256(`${order} ${version}`),
  order,
  worker: `worker of ${order}`,
  client: spender,
  maxPrice: 10_000,
  score,
  success: true,
  complexity: 0,
  responseMs: 5_000,
  finishedAt: noonMs,
});

/** What the client has to spend: it served guests once, and everyone knows. */
const income: readonly LedgerEntry[] = [0, 1, 2].map((n) => ({
  ...entryFor(`income ${n}`, 0, 5_000),
  worker: spender,
  client: 'a guest',
  maxPrice: 0,
}));
const incomeMillipoints = 20_000; // First Light included

class Mesh {
  readonly honest: HonestValidator[];
  readonly certified = new Map<string, LedgerEntry>();
  readonly #threshold: number;

  constructor(
    validators: number,
    readonly liars: number,
  ) {
    this.#threshold = leastThreshold(validators);
    this.honest = Array.from({ length: validators - liars }, () => new HonestValidator());
    for (const validator of this.honest) for (const entry of income) validator.count(entry);
  }

  /** The claim reaches one honest validator; the liars attest it in any case. */
  claim(entry: LedgerEntry, validator: number): void {
    this.honest[validator % this.honest.length]!.hear(entry);
    const votes = this.liars + this.honest.filter(({ attested }) => attested.has(entry.hash)).length;
    if (votes >= this.#threshold) this.certified.set(entry.hash, entry);
  }

  /** One of the certificates reaches one honest validator. */
  deliver(place: number, validator: number): void {
    const entry = [...this.certified.values()][place % Math.max(1, this.certified.size)];
    if (entry !== undefined) this.honest[validator % this.honest.length]!.count(entry);
  }

  heal(): void {
    for (const validator of this.honest) for (const entry of this.certified.values()) validator.count(entry);
  }

  get spent(): number {
    return [...this.certified.values()].reduce((sum, entry) => sum + paidOf(entry), 0);
  }
}

const step = fc.record({
  what: fc.constantFrom('claim', 'claim', 'claim', 'deliver'),
  order: fc.nat(11),
  version: fc.nat(1),
  validator: fc.nat(20),
});

describe('validators, fewer than a third of whom lie', () => {
  const runs = { numRuns: isSoak ? 100_000 : 3_000 };
  const cases = fc.tuple(
    fc.integer({ min: 1, max: 16 }),
    fc.array(step, { maxLength: 150, size: 'max' }),
    fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 24, maxLength: 24 }),
  );

  it('certify no two receipts of one order, and less than twice what the client has, and end with equal balances', () => {
    let mostSpent = 0;
    fc.assert(
      fc.property(cases, ([validators, steps, scores]) => {
        const mesh = new Mesh(validators, Math.ceil(validators / 3) - 1);
        for (const { what, order, version, validator } of steps) {
          if (what === 'deliver') mesh.deliver(order, validator);
          else mesh.claim(entryFor(`order ${order}`, version, scores[2 * order + version]!), validator);
        }
        const certified = [...mesh.certified.values()];
        expect(new Set(certified.map(({ order }) => order)).size).toBe(certified.length);
        expect(mesh.spent).toBeLessThan(2 * incomeMillipoints);
        mostSpent = Math.max(mostSpent, mesh.spent);
        mesh.heal();
        const balances = mesh.honest.map(({ totals }) =>
          [...totals.accounts()].sort().map((account) => [account, totals.balanceOf(account)]),
        );
        for (const each of balances) expect(each).toEqual(balances[0]);
        expect(Object.fromEntries(balances[0]!)[spender]).toBe(incomeMillipoints - mesh.spent);
      }),
      runs,
    );
    expect(mostSpent).toBeGreaterThan(incomeMillipoints / 2); // the attack is a real one
  });

  it('certify everything that all honest ones receive, however the liars behave', () => {
    for (let validators = 1; validators <= 16; validators++) {
      const mesh = new Mesh(validators, 0);
      const liars = Math.ceil(validators / 3) - 1; // silent ones, here
      for (let n = liars; n < validators; n++) mesh.claim(entryFor('order', 0, 5_000), n);
      expect(mesh.certified.size).toBe(1);
    }
  });
});

describe('the bound is tight', () => {
  it('one liar more, and two receipts of one order are both certified', () => {
    const mesh = new Mesh(4, 2);
    mesh.claim(entryFor('order', 0, 5_000), 0);
    mesh.claim(entryFor('order', 1, 5_000), 1);
    expect(mesh.certified.size).toBe(2);
    mesh.heal(); // and even then all honest ones hold the same, for the lower hash counts
    const [a, b] = mesh.honest.map(({ totals }) => totals.balanceOf(spender));
    expect([a, b]).toEqual([incomeMillipoints - 5_000, incomeMillipoints - 5_000]);
  });

  it('and a client can spend its balance at each honest one', () => {
    const mesh = new Mesh(4, 2);
    for (const [validator] of mesh.honest.entries())
      for (const part of ['a', 'b']) mesh.claim(entryFor(`order ${validator} ${part}`, 0, 10_000), validator);
    expect(mesh.spent).toBe(2 * incomeMillipoints);
  });
});
