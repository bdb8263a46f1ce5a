/**
 * Closes days of the ledger that nodes no longer compare. Their receipts are added to the sums of their accounts, which a node reads at start
 * instead of a million receipts, and their proofs (order, ack, signatures, attestations) are dropped. What the fold needs of each receipt is
 * kept, so balances do not change, and `qmesh score audit` can still fold everything.
 *
 * 1. A day is closed in small steps, between other writes. After a crash some of its certificates are gone, the day is still open, and is
 *    closed again.
 * 2. One append at the end closes it: it holds the sums, and the first day that is not in them.
 * 3. The blocks that nothing refers to any more are freed.
 *
 * A receipt that shares its order with another one stays out of the sums, under `kept/`, since which of the two counts may still change.
 */
import type Hyperbee from 'hyperbee';
import type { Batch } from 'hyperbee';
import type { LedgerEntry } from '../../rules/ledger.js';
import { LedgerTotals, type AccountSums } from '../../rules/totals.js';
import { certificateKey, closedKey, dayKey, entryKey, within } from './score-keys.js';

/** Receipts in one step, during which other writes wait some 50 ms. */
const receiptsPerStep = 64;

/** What a node starts from. */
export interface Checkpoint {
  /** The first UTC day that is not in the sums. */
  readonly openFrom: number;
  readonly sums: readonly (readonly [account: string, sums: AccountSums])[];
  /** Receipts in the sums whose orders have other receipts, among `entries`. */
  readonly holders: readonly LedgerEntry[];
  /** All receipts that are not in the sums. */
  readonly entries: readonly LedgerEntry[];
}

export async function readCheckpoint(bee: Hyperbee): Promise<Checkpoint> {
  const openFrom = await openFromOf(bee);
  const sums: [string, AccountSums][] = [];
  for await (const { key, value } of bee.createReadStream(within('sums/')))
    sums.push([key.slice('sums/'.length), value as AccountSums]);
  const [holders, entries] = [await entriesIn(bee, within('contested/')), await entriesIn(bee, within('kept/'))];
  const open = await entriesIn(bee, { gte: dayKey(openFrom), lt: within('day/').lt });
  return { openFrom, sums, holders, entries: [...entries, ...open] };
}

/** The receipt of a closed order that is in the sums. */
export async function closedReceipt(bee: Hyperbee, order: string): Promise<LedgerEntry | undefined> {
  const found = await bee.get(`order/${order}`);
  const entry = found === null ? null : await bee.get(found.value as string);
  return entry === null ? undefined : (entry.value as LedgerEntry);
}

/** @param isContested whether more than one receipt of this order is known. No receipt of these days may be written meanwhile. */
export async function closeDays(bee: Hyperbee, before: number, isContested: (order: string) => boolean): Promise<void> {
  for (let day = await firstDay(bee); day !== undefined && day < before; day = await firstDay(bee))
    await closeDay(bee, day, isContested);
  if (before <= (await openFromOf(bee))) return;
  const batch = bee.batch();
  await batch.put(closedKey, before);
  await batch.flush();
}

/** The first day with receipts that is not closed. */
async function firstDay(bee: Hyperbee): Promise<number | undefined> {
  const from = dayKey(await openFromOf(bee));
  for await (const { key } of bee.createReadStream({ gte: from, lt: within('day/').lt, limit: 1 }))
    return Number(key.split('/')[1]);
  return undefined;
}

async function closeDay(bee: Hyperbee, day: number, isContested: (order: string) => boolean): Promise<void> {
  const totals = new LedgerTotals();
  const kept: LedgerEntry[] = [];
  const blocks = new BlockRange();
  for await (const entries of steps(bee, day)) {
    const batch = bee.batch();
    for (const entry of entries) {
      blocks.note(await bee.get(certificateKey(entry.hash)));
      await dropProofs(batch, entry);
      if (isContested(entry.order)) {
        kept.push(entry);
        continue;
      }
      await batch.put(`order/${entry.order}`, entryKey(entry));
      await restore(bee, totals, [entry.worker, entry.client]);
      totals.settle(entry, undefined);
    }
    await batch.flush();
  }
  const last = bee.batch();
  for (const entry of kept) await last.put(`kept/${entry.hash}`, entry);
  for (const account of totals.accounts()) await last.put(`sums/${account}`, totals.sumsOf(account));
  await last.put(closedKey, day + 1);
  await last.flush();
  if (blocks.range !== undefined) await bee.clearUnlinked(blocks.range);
}

async function dropProofs(batch: Batch, { hash, order }: LedgerEntry): Promise<void> {
  await batch.del(certificateKey(hash));
  await batch.del(`solo/${hash}`);
  for (const kind of ['receipt', 'ack', 'attestation']) await batch.del(`signed/${kind}/${order}`);
}

/** Loads the sums that these accounts had before, unless they are loaded already. */
async function restore(bee: Hyperbee, totals: LedgerTotals, accounts: readonly string[]): Promise<void> {
  for (const account of accounts) {
    if (totals.sumsOf(account) !== undefined) continue;
    const found = await bee.get(`sums/${account}`);
    if (found !== null) totals.restore(account, found.value as AccountSums);
  }
}

async function* steps(bee: Hyperbee, day: number): AsyncIterable<LedgerEntry[]> {
  let step: LedgerEntry[] = [];
  for await (const { value } of bee.createReadStream(within(dayKey(day)))) {
    if (step.push(value as LedgerEntry) < receiptsPerStep) continue;
    yield step;
    step = [];
  }
  if (step.length > 0) yield step;
}

/** The blocks from the first to the last that held a certificate of the day. */
class BlockRange {
  #first = Infinity;
  #last = -1;

  note(entry: { readonly seq: number } | null): void {
    if (entry === null) return;
    this.#first = Math.min(this.#first, entry.seq);
    this.#last = Math.max(this.#last, entry.seq);
  }

  get range(): { readonly gte: number; readonly lt: number } | undefined {
    return this.#last < 0 ? undefined : { gte: this.#first, lt: this.#last + 1 };
  }
}

async function openFromOf(bee: Hyperbee): Promise<number> {
  return ((await bee.get(closedKey))?.value as number | undefined) ?? 0;
}

async function entriesIn(bee: Hyperbee, range: { readonly gte: string; readonly lt: string }): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for await (const { value } of bee.createReadStream(range)) entries.push(value as LedgerEntry);
  return entries;
}
