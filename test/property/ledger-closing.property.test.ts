/** A ledger on a real disk whose days are closed, that is started again, and that hears of some receipts late, twice or in conflict. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { openLedger, type Ledger } from '../../src/actors/scores/ledger.js';
import { openScoreStore, type OpenedScoreStore } from '../../src/actors/scores/score-store.js';
import { HashTree } from '../../src/rules/hash-tree.js';
import { firstOpenDay, foldLedger, mintDayOf, openDays, type LedgerEntry } from '../../src/rules/ledger.js';
import { entries, noonMs } from '../support/ledger-cases.js';
import { isSoak } from '../support/soak.js';

const dayMs = 86_400_000;
/** So that the first `days` of the cases are closed. */
const whenClosed = (days: number): number => noonMs + (openDays + days) * dayMs;

type Step =
  | { readonly do: 'count'; readonly entry: LedgerEntry }
  | { readonly do: 'close'; readonly days: number; readonly with: readonly LedgerEntry[] }
  | { readonly do: 'restart' };

const course: fc.Arbitrary<Step[]> = entries(40).chain((set) => {
  if (set.length === 0) return fc.constant([]);
  const some = fc.array(fc.constantFrom(...set), { maxLength: 3 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...set).map((entry) => ({ do: 'count' as const, entry })) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('close' as const), days: fc.integer({ min: 1, max: 4 }), with: some }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  );
  return fc.array(step, { maxLength: 60, size: 'max' });
});

const settled = (run: (done: (error: Error | undefined) => void) => void): Promise<Error | undefined> =>
  new Promise((resolve) => run(resolve));

class Node {
  readonly #folder: string;
  #opened!: OpenedScoreStore;
  ledger!: Ledger;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    this.#opened = await openScoreStore(this.#folder);
    this.ledger = await openLedger(this.#opened);
  }

  stop = (): Promise<unknown> => settled((done) => this.ledger.close(done));

  async entries(): Promise<LedgerEntry[]> {
    const all: LedgerEntry[] = [];
    for await (const entry of this.#opened.entries()) all.push(entry);
    return all;
  }
}

const sorted = <Value>(pairs: Iterable<[string, Value]>): [string, Value][] =>
  [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));

function expectSame(ledger: Ledger, counted: ReadonlyMap<string, LedgerEntry>, closedDays: number): void {
  expect(sorted([...ledger.accounts()].map((account) => [account, ledger.stateOf(account)]))).toEqual(
    sorted(foldLedger(counted.values())),
  );
  const compared = new HashTree();
  for (const entry of counted.values())
    if (mintDayOf(entry) >= firstOpenDay(whenClosed(closedDays))) compared.add(entry.hash);
  expect(ledger.counted.digest('')).toBe(compared.digest(''));
}

it('keeps every balance, and compares what is open, whatever was closed, late, twice, contested, or restarted', async () => {
  await fc.assert(
    fc.asyncProperty(course, async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), 'qmesh-closing-'));
      const node = new Node(folder);
      await node.start();
      const counted = new Map<string, LedgerEntry>();
      const count = async (entry: LedgerEntry): Promise<void> => {
        const error = await settled((done) => node.ledger.countEntry(entry, done));
        if (error === undefined) counted.set(entry.hash, entry);
        else expect(error).toMatchObject({ code: 'store_busy' });
      };
      let closedDays = 0;
      try {
        for (const step of steps) {
          if (step.do === 'count') await count(step.entry);
          else if (step.do === 'close') {
            const closing = settled((done) => node.ledger.closeDays(whenClosed(step.days), done));
            await Promise.all([closing, ...step.with.map(count)]);
            expect(await closing).toBeUndefined();
            closedDays = Math.max(closedDays, step.days);
          } else {
            await node.stop();
            await node.start();
          }
          expectSame(node.ledger, counted, closedDays);
        }
        await node.stop();
        await node.start();
        expectSame(node.ledger, counted, closedDays);
        expect(foldLedger(await node.entries())).toEqual(foldLedger(counted.values()));
      } finally {
        await node.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: isSoak ? 300 : 8, endOnFailure: true }, // each step of shrinking is a disk
  );
}, 600_000);
