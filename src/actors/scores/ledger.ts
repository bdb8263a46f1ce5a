/**
 * This node's ledger: the set of counted receipts and the balances that follow from it. It lives outside the actors, so a crash of one of
 * them loses nothing.
 *
 * - A certificate counts once it is on disk, and from then on for good; `onCertified` reports each once.
 * - What this node signs, it signs once for each order (`sign-once.ts`).
 * - An open claim (order, receipt, and the ack once there is one) is kept until its certificate is written or somebody closes it.
 *
 * `rules/` decides what counts; callers of `count` have checked the certificate by those rules. Memory holds one entry (some 350 bytes) for
 * each receipt of the last 31 days, and the sums of every account. Older days are closed: see `closeDays`.
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
import { SignOnce, type ToSign } from './sign-once.js';

export class Ledger {
  readonly minters: Minters;
  readonly #store: ScoreStore;
  readonly #signer: SignOnce;
  readonly #totals: LedgerTotals;
  /** Receipts of open days: the set that anti-entropy compares. */
  readonly #counted = new HashTree();
  /** Receipts in memory that are not compared: their day is closed or being closed. */
  readonly #uncompared = new Set<string>();
  /** Order → the receipt that counts for it. For closed days, only contested orders are here. */
  readonly #byOrder = new Map<string, LedgerEntry>();
  /** Orders with more than one receipt. */
  readonly #contested = new Set<string>();
  /** Open UTC day → its receipts. */
  readonly #days = new Map<number, LedgerEntry[]>();
  /** The first day that is compared, and the first one that is not in the sums on disk. */
  #comparedFrom: number;
  #openFrom: number;
  #isClosing = false;
  #revision = 0;
  /** Interned account keys: one string for each, however many entries name it. */
  readonly #accounts = new Map<string, string>();
  readonly #listeners = new Set<(entry: LedgerEntry) => void>();

  constructor(store: ScoreStore, { openFrom, sums, holders, entries }: Checkpoint, minters: Minters = 'everyone') {
    this.minters = minters;
    this.#store = store;
    this.#signer = new SignOnce(store);
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

  /** Millipoints, from certified receipts. */
  balanceOf(account: string): number {
    return this.#totals.balanceOf(account);
  }

  /** Undefined for an account that appears in no counted receipt. */
  stateOf(account: string): AccountState | undefined {
    return this.#totals.stateOf(account);
  }

  accounts(): IterableIterator<string> {
    return this.#totals.accounts();
  }

  /** Hashes of the counted receipts of open days. Read only. */
  get counted(): HashTree {
    return this.#counted;
  }

  /** The receipt that counts for this order. Closed orders may be forgotten: nobody attests a claim that old. */
  receiptOf(order: string): string | undefined {
    return this.#byOrder.get(order)?.hash;
  }

  /**
   * Counts a certificate that the caller has checked; `done` when it is on disk and counted. If the receipt counts already, its stored
   * attestations are replaced.
   */
  count(certificate: StoredCertificate, done: (error: Error | undefined) => void): void {
    const { order, receipt } = certificate;
    const entry = entryOf(objectHash('receipt', receipt), order, receipt);
    this.#take(entry, { kind: 'certificate', certificate }, done);
  }

  /** Counts a receipt without its certificate, from this node's own backup of a closed day. */
  countEntry(entry: LedgerEntry, done: (error: Error | undefined) => void): void {
    this.#take(entry, { kind: 'entry', entry }, done);
  }

  /**
   * Closes the days before `firstOpenDay`: their receipts leave the comparison at once, their sums are written, and their proofs are dropped.
   * Balances do not change. `done` when all is on disk. A failed attempt is repeated on the next day.
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
    // An empty write waits for those already queued, which may belong to these days.
    this.#store.write([], (error) => {
      if (error !== undefined) end(error);
      else this.#store.closeDays(before, (order) => this.#contested.has(order), end);
    });
  }

  /** Reports each certificate that begins to count. @returns the function that unsubscribes. */
  onCertified(listener: (entry: LedgerEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Signs at most once for each order: `ready` gets what was signed before, or else what `make` returns, once that is on disk. */
  sign<Kind extends OwnKind>(
    what: Kind,
    order: string,
    make: () => ToSign<Kind>,
    ready: Found<OwnObjects[Kind]>,
  ): void {
    this.#signer.sign(what, order, make, ready);
  }

  /** What this node signed for this order. */
  signed<Kind extends OwnKind>(what: Kind, order: string, found: Found<OwnObjects[Kind]>): void {
    this.#store.signed(what, order, found);
  }

  /** Writes claims and evidence; `done` when they are on disk. */
  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    this.#store.write(writes, done);
  }

  certificate(hash: string, found: Found<StoredCertificate>): void {
    this.#store.certificate(hash, found);
  }

  /** An open claim, by its receipt's hash. */
  claim(hash: string, found: Found<OpenClaim>): void {
    this.#store.claim(hash, found);
  }

  /** All open claims, this worker's own and others'. */
  claims(found: Found<OpenClaim[]>): void {
    this.#store.claims(found);
  }

  evidence(found: Found<Evidence[]>): void {
    this.#store.evidence(found);
  }

  /** For the owner's commands. */
  get records(): Pick<ScoreStore, 'page' | 'log' | 'solos'> {
    return this.#store;
  }

  /** Changes whenever a receipt begins to count. */
  get revision(): number {
    return this.#revision;
  }

  /** Pending writes are finished first. */
  close(done: (error: Error | undefined) => void): void {
    this.#store.close(done);
  }

  /** The receipt that counted for its order so far may have to be read from disk first. */
  #take(entry: LedgerEntry, write: ScoreWrite, done: (error: Error | undefined) => void): void {
    if (this.#uncompared.has(entry.hash)) return done(undefined);
    const known = this.#byOrder.get(entry.order);
    if (known !== undefined || this.#openFrom === 0) return this.#record(entry, known, write, done);
    this.#store.closedReceipt(entry.order, (error, closed) => {
      if (error !== undefined) return done(error);
      if (closed?.hash === entry.hash) return done(undefined); // already in the sums
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

  /** @param holder the receipt that counted so far, where it is not in memory. @returns false if this one was counted already. */
  #settle(entry: LedgerEntry, holder: LedgerEntry | undefined): boolean {
    if (this.#counted.has(entry.hash) || this.#uncompared.has(entry.hash)) return false;
    const own = { ...entry, worker: this.#interned(entry.worker), client: this.#interned(entry.client) };
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

  /** These receipts are in the sums on disk now, except the contested ones. */
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

  #interned(account: string): string {
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
