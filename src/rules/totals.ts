/**
 * The fold of `rules/ledger.ts`, one receipt at a time, with constant work for each and memory for accounts only. The sums can be
 * undone, since a receipt no longer counts when another one of its order with a lower hash appears. The caller holds the entries and
 * says which one of the order counted until then.
 *
 * Memory: some hundred bytes for each account, and a counter for each of its clients and days. Invariant: after any sequence of
 * `settle`, `stateOf` returns what `foldLedger` returns for the same set.
 */
import type { ServiceRecord } from './achievements.js';
import {
  accountState,
  dailyMintCapMillipoints,
  isFast,
  isHeavy,
  mintableOf,
  mintDayOf,
  outdoes,
  paidOf,
  type AccountState,
  type LedgerEntry,
  type Minters,
} from './ledger.js';

/** What is stored of an account between two runs: everything that its state and later receipts need of the earlier ones. */
export interface AccountSums {
  readonly earned: number;
  readonly spent: number;
  readonly minted: number;
  readonly served: number;
  readonly fast: number;
  readonly heavy: number;
  readonly named: number;
  readonly days: readonly (readonly [day: number, mintable: number])[];
  readonly clients: readonly (readonly [client: string, requests: number])[];
}

class Account {
  earned = 0;
  spent = 0;
  /** Sum over the days, each capped. */
  minted = 0;
  served = 0;
  fast = 0;
  heavy = 0;
  /** Receipts in which this account appears. It is forgotten with the last one. */
  named = 0;
  /** UTC day → what was mintable on it, uncapped. */
  readonly days = new Map<number, number>();
  /** Client → successful requests of it. */
  readonly clients = new Map<string, number>();

  static of({ days, clients, ...sums }: AccountSums): Account {
    const account = Object.assign(new Account(), sums);
    for (const [day, mintable] of days) account.days.set(day, mintable);
    for (const [client, requests] of clients) account.clients.set(client, requests);
    return account;
  }

  get sums(): AccountSums {
    const { earned, spent, minted, served, fast, heavy, named, days, clients } = this;
    return { earned, spent, minted, served, fast, heavy, named, days: [...days], clients: [...clients] };
  }

  get record(): ServiceRecord {
    return { served: this.served, fast: this.fast, heavy: this.heavy, clients: this.clients.size };
  }
}

export class LedgerTotals {
  readonly #accounts = new Map<string, Account>();
  readonly #minters: Minters;

  constructor(minters: Minters = 'everyone') {
    this.#minters = minters;
  }

  /**
   * Adds a certified receipt. @param holder the one of the same order that counted until now.
   * @returns the one that counts from now on, to be passed as `holder` with the next receipt of that order.
   */
  settle(entry: LedgerEntry, holder: LedgerEntry | undefined): LedgerEntry {
    if (holder === undefined) this.#count(entry, 1);
    else if (outdoes(entry, holder)) {
      this.#count(holder, -1);
      this.#count(entry, 1);
    } else return holder;
    return entry;
  }

  /** Undefined for an account that appears in no counted receipt. */
  stateOf(account: string): AccountState | undefined {
    const sums = this.#accounts.get(account);
    if (sums === undefined) return undefined;
    const { earned, spent, record } = sums;
    const mayMint = this.#mayMint(account);
    return accountState({ earned, spent, record, mayMint, minted: mayMint ? sums.minted : 0 });
  }

  /** Millipoints. Below 0 if the account overspent in several places at once. */
  balanceOf(account: string): number {
    return this.stateOf(account)?.balance ?? 0;
  }

  accounts(): IterableIterator<string> {
    return this.#accounts.keys();
  }

  /** To be stored, and passed to `restore` by a later run. */
  sumsOf(account: string): AccountSums | undefined {
    return this.#accounts.get(account)?.sums;
  }

  /** Must come before the first `settle` in which this account appears. */
  restore(account: string, sums: AccountSums): void {
    this.#accounts.set(account, Account.of(sums));
  }

  #mayMint(account: string): boolean {
    return this.#minters === 'everyone' || this.#minters.has(account);
  }

  /** @param sign 1 to add the receipt, -1 to undo that */
  #count(entry: LedgerEntry, sign: 1 | -1): void {
    const worker = this.#account(entry.worker);
    worker.earned += sign * paidOf(entry);
    this.#mint(worker, mintDayOf(entry), sign * mintableOf(entry));
    if (entry.success) {
      worker.served += sign;
      if (isFast(entry)) worker.fast += sign;
      if (isHeavy(entry)) worker.heavy += sign;
      addTo(worker.clients, entry.client, sign);
    }
    const client = this.#account(entry.client);
    client.spent += sign * paidOf(entry);
    this.#name(entry.worker, worker, sign);
    this.#name(entry.client, client, sign);
  }

  #mint(worker: Account, day: number, millipoints: number): void {
    const before = worker.days.get(day) ?? 0;
    addTo(worker.days, day, millipoints);
    worker.minted += capped(before + millipoints) - capped(before);
  }

  #account(id: string): Account {
    const known = this.#accounts.get(id);
    if (known !== undefined) return known;
    const account = new Account();
    this.#accounts.set(id, account);
    return account;
  }

  #name(id: string, account: Account, sign: 1 | -1): void {
    account.named += sign;
    if (account.named === 0) this.#accounts.delete(id);
  }
}

const capped = (millipoints: number): number => Math.min(millipoints, dailyMintCapMillipoints);

/** A missing counter is 0, and one that reaches 0 is removed. */
function addTo<Key>(counters: Map<Key, number>, key: Key, by: number): void {
  const value = (counters.get(key) ?? 0) + by;
  if (value === 0) counters.delete(key);
  else counters.set(key, value);
}
