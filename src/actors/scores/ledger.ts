/**
 * The ledger as this node has it, as data outside the actors, so that no crash of one of them forgets a point: what is
 * counted, the balances that follow, and what this node itself has signed.
 *
 * - A certificate counts once it is on the disk, and then for ever; `onCertified` hears of each once.
 * - What this node signs is on the disk before it is given out. Who signs for an order again, perhaps after a restart, gets what was signed before:
 *   nobody signs two versions of one thing by crashing.
 * - An open claim (order and receipt, and the ack once it is there) is kept until its certificate is written, or somebody closes it.
 *
 * What counts is for `rules/` to say, and who asks `count` has checked the certificate by them. In memory is one entry for each
 * receipt of the last 31 days, some 350 bytes, and the sums of every account. Older days are closed: see `closeDays`.
 */
import type { Evidence } from '../../protocol/signed-objects.js';
import { objectHash } from '../../protocol/signed-objects.js';
import { HashTree } from '../../rules/hash-tree.js';
import {
  entryOf,
  firstOpenDay,
  mintDayOf,
  type AccountState,
  type LedgerEntry,
  type Minters,
} from '../../rules/ledger.js';
import { LedgerTotals } from '../../rules/totals.js';
import type {
  Found,
  OpenClaim,
  OpenedScoreStore,
  OwnKind,
  OwnObjects,
  ScoreStore,
  ScoreStoreErrorCode,
  ScoreWrite,
  StoredCertificate,
} from './score-store.js';
import { CodedError } from '../../runtime/errors.js';
import type { Checkpoint } from './closing.js';

/** Things that may wait to be signed. More are refused: a disk that slow would fill the memory. */
export const maxSigning = 10_000;

/** What is to be signed, and what is written with it, all or nothing. */
export interface ToSign<Kind extends OwnKind> {
  readonly object: OwnObjects[Kind];
  readonly beside?: readonly ScoreWrite[];
}

export class Ledger {
  readonly minters: Minters;
  readonly #store: ScoreStore;
  readonly #totals: LedgerTotals;
  /** The receipts that nodes compare. */
  readonly #counted = new HashTree();
  /** Those in memory that they do not: of days that are closed, or are being closed. */
  readonly #uncompared = new Set<string>();
  /** Order → the receipt that counts for it. Of a closed day only where its order is contested. */
  readonly #byOrder = new Map<string, LedgerEntry>();
  /** Orders with more than one receipt. */
  readonly #contested = new Set<string>();
  /** UTC day → its receipts; of open days. */
  readonly #days = new Map<number, LedgerEntry[]>();
  /** The first day that is compared, and the first one that is not in the sums on the disk. */
  #comparedFrom: number;
  #openFrom: number;
  #isClosing = false;
  #revision = 0;
  /** One text for each account, however many entries name it. */
  readonly #accounts = new Map<string, string>();
  readonly #signing = new Map<string, Found<never>[]>();
  readonly #listeners = new Set<(entry: LedgerEntry) => void>();

  constructor(store: ScoreStore, { openFrom, sums, holders, entries }: Checkpoint, minters: Minters = 'everyone') {
    this.minters = minters;
    this.#store = store;
    this.#totals = new LedgerTotals(minters);
    this.#openFrom = openFrom;
    this.#comparedFrom = openFrom;
    for (const [account, kept] of sums) this.#totals.restore(account, kept);
    for (const holder of holders) {
      this.#byOrder.set(holder.order, holder);
      this.#uncompared.add(holder.hash);
    }
    for (const entry of entries) this.#settle(entry, undefined);
  }

  /** Millipoints, of certified receipts. */
  balanceOf(account: string): number {
    return this.#totals.balanceOf(account);
  }

  /** Undefined for an account that no counted receipt names. */
  stateOf(account: string): AccountState | undefined {
    return this.#totals.stateOf(account);
  }

  accounts(): IterableIterator<string> {
    return this.#totals.accounts();
  }

  /** The hashes of the counted receipts of open days: what nodes compare. Not to be changed. */
  get counted(): HashTree {
    return this.#counted;
  }

  /** The receipt that counts for this order. Of a closed one it may be forgotten: nobody attests a claim that is so old. */
  receiptOf(order: string): string | undefined {
    return this.#byOrder.get(order)?.hash;
  }

  /**
   * Counts a certificate that the caller has checked; `done` when it is on the disk and counted. Of one that counts already, what it
   * holds of attestations is replaced.
   */
  count(certificate: StoredCertificate, done: (error: Error | undefined) => void): void {
    const { order, receipt } = certificate;
    const entry = entryOf(objectHash('receipt', receipt), order, receipt);
    this.#take(entry, { kind: 'certificate', certificate }, done);
  }

  /** Counts a receipt of which nothing else is left, from a backup of this node's own. */
  countEntry(entry: LedgerEntry, done: (error: Error | undefined) => void): void {
    this.#take(entry, { kind: 'entry', entry }, done);
  }

  /**
   * Once a day: receipts of days before `firstOpenDay` are compared with nobody any more, from now on; their sums are written, and
   * what proved them is dropped. Balances stay as they are. `done` when all is on the disk; where that fails, it is tried again on the
   * next day.
   */
  closeDays(nowMs: number, done: (error: Error | undefined) => void): void {
    const before = firstOpenDay(nowMs);
    if (this.#isClosing || before <= this.#comparedFrom) return done(undefined);
    this.#isClosing = true;
    this.#comparedFrom = before;
    const closed = [...this.#days].filter(([day]) => day < before).flatMap(([, entries]) => entries);
    for (const { hash } of closed) if (this.#counted.remove(hash)) this.#uncompared.add(hash);
    const end = (error: Error | undefined): void => {
      this.#isClosing = false;
      if (error === undefined) this.#forget(before, closed);
      done(error);
    };
    // After what is on its way to the disk: some of it may be of these days.
    this.#store.write([], (error) => {
      if (error !== undefined) end(error);
      else this.#store.closeDays(before, (order) => this.#contested.has(order), end);
    });
  }

  /** Hears of each certificate that begins to count. @returns what ends that. */
  onCertified(listener: (entry: LedgerEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Signs once for each order: `ready` gets what was signed for it before, or else what `make` gives, once that is on the disk.
   * @param order its hash.
   */
  sign<Kind extends OwnKind>(
    what: Kind,
    order: string,
    make: () => ToSign<Kind>,
    ready: Found<OwnObjects[Kind]>,
  ): void {
    const key = `${what}/${order}`;
    const waiting = this.#signing.get(key);
    if (waiting !== undefined) return void waiting.push(ready);
    if (this.#signing.size >= maxSigning)
      return ready(
        new CodedError<ScoreStoreErrorCode>('store_busy', `${maxSigning} objects wait to be signed`),
        undefined,
      );
    this.#signing.set(key, [ready]);
    const answer: Found<OwnObjects[Kind]> = (error, object) => {
      const all = (this.#signing.get(key) ?? []) as Found<OwnObjects[Kind]>[];
      this.#signing.delete(key);
      for (const each of all) each(error, object);
    };
    this.#store.signed(what, order, (error, signed) => {
      if (error !== undefined || signed !== undefined) return answer(error, signed);
      const { object, beside = [] } = make();
      this.#store.write([{ kind: 'signed', order, what, object }, ...beside], (failed) =>
        answer(failed, failed === undefined ? object : undefined),
      );
    });
  }

  /** What this node signed for this order. */
  signed<Kind extends OwnKind>(what: Kind, order: string, found: Found<OwnObjects[Kind]>): void {
    this.#store.signed(what, order, found);
  }

  /** Claims and evidence; `done` when they are on the disk. */
  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    this.#store.write(writes, done);
  }

  certificate(hash: string, found: Found<StoredCertificate>): void {
    this.#store.certificate(hash, found);
  }

  /** An open one, by its receipt. */
  claim(hash: string, found: Found<OpenClaim>): void {
    this.#store.claim(hash, found);
  }

  /** Those that are not certified yet, of this worker and of others. */
  claims(found: Found<OpenClaim[]>): void {
    this.#store.claims(found);
  }

  evidence(found: Found<Evidence[]>): void {
    this.#store.evidence(found);
  }

  /** What the owner's commands read. */
  get records(): Pick<ScoreStore, 'page' | 'log' | 'solos'> {
    return this.#store;
  }

  /** Another one after each receipt that begins to count. */
  get revision(): number {
    return this.#revision;
  }

  /** What was handed over before is written first. */
  close(done: (error: Error | undefined) => void): void {
    this.#store.close(done);
  }

  /** What its order stood for before may have to be read from the disk first. */
  #take(entry: LedgerEntry, write: ScoreWrite, done: (error: Error | undefined) => void): void {
    if (this.#uncompared.has(entry.hash)) return done(undefined);
    const known = this.#byOrder.get(entry.order);
    if (known !== undefined || this.#openFrom === 0) return this.#record(entry, known, write, done);
    this.#store.closedReceipt(entry.order, (error, closed) => {
      if (error !== undefined) return done(error);
      if (closed?.hash === entry.hash) return done(undefined); // it is in the sums
      const beside: ScoreWrite[] = closed === undefined ? [] : [{ kind: 'contested', holder: closed }];
      this.#record(entry, closed, write, done, beside);
    });
  }

  #record(
    entry: LedgerEntry,
    holder: LedgerEntry | undefined,
    write: ScoreWrite,
    done: (error: Error | undefined) => void,
    beside: readonly ScoreWrite[] = [],
  ): void {
    if (this.#isClosing && Math.min(mintDayOf(entry), mintDayOf(holder ?? entry)) < this.#comparedFrom)
      return done(new CodedError<ScoreStoreErrorCode>('store_busy', 'its day is being closed; try again later'));
    const late: ScoreWrite[] = mintDayOf(entry) < this.#openFrom ? [{ kind: 'kept', entry }] : [];
    this.#store.write([write, ...beside, ...late], (error) => {
      if (error === undefined && this.#settle(entry, holder)) for (const hear of [...this.#listeners]) hear(entry);
      done(error);
    });
  }

  /** @param holder of its order, where that is not in memory. @returns whether it is news. */
  #settle(entry: LedgerEntry, holder: LedgerEntry | undefined): boolean {
    if (this.#counted.has(entry.hash) || this.#uncompared.has(entry.hash)) return false;
    const own = { ...entry, worker: this.#one(entry.worker), client: this.#one(entry.client) };
    const day = mintDayOf(own);
    if (day < this.#comparedFrom) this.#uncompared.add(own.hash);
    else this.#counted.add(own.hash);
    if (day >= this.#openFrom) this.#ofDay(day).push(own);
    const before = this.#byOrder.get(own.order) ?? holder;
    if (before !== undefined) this.#contested.add(own.order);
    this.#byOrder.set(own.order, this.#totals.settle(own, before));
    this.#revision++;
    return true;
  }

  /** They are in the sums on the disk now; the contested ones are not. */
  #forget(before: number, closed: readonly LedgerEntry[]): void {
    this.#openFrom = before;
    for (const day of [...this.#days.keys()]) if (day < before) this.#days.delete(day);
    for (const { hash, order } of closed) {
      if (this.#contested.has(order)) continue;
      this.#byOrder.delete(order);
      this.#uncompared.delete(hash);
    }
  }

  #ofDay(day: number): LedgerEntry[] {
    const known = this.#days.get(day);
    if (known !== undefined) return known;
    const entries: LedgerEntry[] = [];
    this.#days.set(day, entries);
    return entries;
  }

  #one(account: string): string {
    const known = this.#accounts.get(account);
    if (known === undefined) this.#accounts.set(account, account);
    return known ?? account;
  }
}

/** @param minters who may create points. */
export async function openLedger(
  { store, checkpoint }: OpenedScoreStore,
  minters: Minters = 'everyone',
): Promise<Ledger> {
  return new Ledger(store, await checkpoint(), minters);
}
