/**
 * The ledger: a set of certified receipts that only grows, and balances as a pure fold over it. Nothing here depends on the order in
 * which receipts came, how often, or from whom. So nodes that hold the same set hold the same balances, to the last bit, without ever
 * agreeing on an order.
 *
 * `foldLedger` is the definition, as short as possible. `rules/totals.ts` computes the same one receipt at a time.
 * Invariants: equal sets, equal balances (any permutation, duplication, partition); points in = minted + achievements.
 */
import type { Order, Receipt } from '../protocol/signed-objects.js';
import { achievementPoints, achievementsOf, fastMs, type Achievement, type ServiceRecord } from './achievements.js';
import { maxComplexity } from './points.js';

/** The most that one worker can mint by serving guests on one UTC day. */
export const dailyMintCapMillipoints = 500_000;

const dayMs = 86_400_000;

/** UTC days before today whose receipts nodes still compare. Older ones are closed: see `firstOpenDay`. */
export const openDays = 31;

/** What the fold needs of a certified receipt. All of it follows from the receipt's hash. */
export interface LedgerEntry {
  /** Of the receipt. */
  readonly hash: string;
  /** The order's hash: of two receipts of one order only the one with the lower hash counts. */
  readonly order: string;
  readonly worker: string;
  readonly client: string;
  /** Millipoints; 0 for a guest's request. */
  readonly maxPrice: number;
  /** Millipoints. */
  readonly score: number;
  readonly success: boolean;
  readonly complexity: number;
  readonly responseMs: number;
  readonly finishedAt: number;
}

export interface AccountState {
  /** Millipoints: earned + minted + awarded - spent. */
  readonly balance: number;
  /** From clients that paid. */
  readonly earned: number;
  /** By serving guests, capped by day. */
  readonly minted: number;
  /** By achievements. */
  readonly awarded: number;
  readonly spent: number;
  readonly achievements: readonly Achievement[];
  readonly record: ServiceRecord;
}

/** Who may create points: the accounts named, or everyone. Points that move from one account to another need no permission. */
export type Minters = ReadonlySet<string> | 'everyone';

export function entryOf(hash: string, order: Order, receipt: Receipt): LedgerEntry {
  const { worker, client, score, success, complexity, responseMs, finishedAt } = receipt;
  const { maxPrice } = order;
  return { hash, order: receipt.order, worker, client, maxPrice, score, success, complexity, responseMs, finishedAt };
}

/** What the client pays. */
export const paidOf = ({ score, maxPrice }: LedgerEntry): number => Math.min(score, maxPrice);

/** What the worker may mint by it, before the cap of its day. */
export const mintableOf = ({ score, maxPrice }: LedgerEntry): number => (maxPrice === 0 ? score : 0);

/** The UTC day of the request's end, counted from 1970. */
export const mintDayOf = ({ finishedAt }: LedgerEntry): number => utcDayOf(finishedAt);

export const utcDayOf = (atMs: number): number => Math.floor(atMs / dayMs);

/**
 * Earlier days are closed: nobody is asked for their receipts any more, and a node may drop the signatures. Days close as a whole, so
 * that all nodes compare the same receipts whatever each of them has dropped.
 */
export const firstOpenDay = (nowMs: number): number => utcDayOf(nowMs) - openDays;

export const isFast = ({ responseMs }: LedgerEntry): boolean => responseMs < fastMs;
export const isHeavy = ({ complexity }: LedgerEntry): boolean => complexity === maxComplexity;

/** Of two receipts of one order, the one that counts. */
export const outdoes = (challenger: LedgerEntry, holder: LedgerEntry): boolean => challenger.hash < holder.hash;

/** The state of every account that appears in a receipt. */
export function foldLedger(entries: Iterable<LedgerEntry>, minters: Minters = 'everyone'): Map<string, AccountState> {
  const counted = countedEntries(entries);
  const served = groupBy(counted, ({ worker }) => worker);
  const asked = groupBy(counted, ({ client }) => client);
  const accounts = new Set([...served.keys(), ...asked.keys()]);
  return new Map([...accounts].map((id) => [id, stateOf(id, served.get(id) ?? [], asked.get(id) ?? [], minters)]));
}

/** One for each order. */
function countedEntries(entries: Iterable<LedgerEntry>): LedgerEntry[] {
  const byOrder = new Map<string, LedgerEntry>();
  for (const entry of entries) {
    const holder = byOrder.get(entry.order);
    if (holder === undefined || outdoes(entry, holder)) byOrder.set(entry.order, entry);
  }
  return [...byOrder.values()];
}

function stateOf(
  account: string,
  served: readonly LedgerEntry[],
  asked: readonly LedgerEntry[],
  minters: Minters,
): AccountState {
  const record = recordOf(served.filter(({ success }) => success));
  const days = [...groupBy(served, mintDayOf).values()];
  const mayMint = minters === 'everyone' || minters.has(account);
  return accountState({
    earned: sum(served.map(paidOf)),
    minted: mayMint ? sum(days.map((day) => Math.min(sum(day.map(mintableOf)), dailyMintCapMillipoints))) : 0,
    spent: sum(asked.map(paidOf)),
    record,
    mayMint,
  });
}

/** The balance and everything else that follows from the sums. This is the only place that adds them up. */
export function accountState(sums: {
  readonly earned: number;
  readonly minted: number;
  readonly spent: number;
  readonly record: ServiceRecord;
  readonly mayMint: boolean;
}): AccountState {
  const { earned, minted, spent, record, mayMint } = sums;
  const awarded = mayMint ? achievementPoints(record) : 0;
  const balance = earned + minted + awarded - spent;
  return { balance, earned, minted, awarded, spent, achievements: achievementsOf(record), record };
}

function recordOf(entries: readonly LedgerEntry[]): ServiceRecord {
  return {
    served: entries.length,
    fast: entries.filter(isFast).length,
    heavy: entries.filter(isHeavy).length,
    clients: new Set(entries.map(({ client }) => client)).size,
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
