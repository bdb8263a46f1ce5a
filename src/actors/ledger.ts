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
 * counted receipt, some 350 bytes: a million of them is what a machine that serves all day sees in years.
 */
import type { Evidence } from '../protocol/signed-objects.js';
import { objectHash } from '../protocol/signed-objects.js';
import { HashTree } from '../rules/hash-tree.js';
import { entryOf, type AccountState, type LedgerEntry, type Minters } from '../rules/ledger.js';
import { LedgerTotals } from '../rules/totals.js';
import {
  ScoreStoreError,
  type Found,
  type OpenClaim,
  type OpenedScoreStore,
  type OwnKind,
  type OwnObjects,
  type ScoreStore,
  type ScoreWrite,
  type StoredCertificate,
} from './score-store.js';

/** Things that may wait to be signed. More are refused: a disk that slow would fill the memory. */
export const maxSigning = 10_000;

/** What is to be signed, and what is written with it, all or nothing. */
export interface ToSign<Kind extends OwnKind> {
  readonly object: OwnObjects[Kind];
  readonly beside?: readonly ScoreWrite[];
}

export class Ledger {
  readonly #store: ScoreStore;
  readonly #totals: LedgerTotals;
  readonly #counted = new HashTree();
  /** Order → the receipt that counts for it. */
  readonly #byOrder = new Map<string, LedgerEntry>();
  /** One text for each account, however many entries name it. */
  readonly #accounts = new Map<string, string>();
  readonly #signing = new Map<string, Found<never>[]>();
  readonly #listeners = new Set<(entry: LedgerEntry) => void>();

  /** @param entries all that the store holds. */
  constructor(store: ScoreStore, entries: Iterable<LedgerEntry>, minters: Minters = 'everyone') {
    this.#store = store;
    this.#totals = new LedgerTotals(minters);
    for (const entry of entries) this.#settle(entry);
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

  /** The hashes of all counted receipts: what nodes compare. Not to be changed. */
  get counted(): HashTree {
    return this.#counted;
  }

  /** The receipt that counts for this order. */
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
    this.#store.write([{ kind: 'certificate', certificate }], (error) => {
      if (error === undefined && this.#settle(entry)) for (const hear of [...this.#listeners]) hear(entry);
      done(error);
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
      return ready(new ScoreStoreError('store_busy', `${maxSigning} objects wait to be signed`), undefined);
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

  /** Claims and evidence; `done` when they are on the disk. */
  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    this.#store.write(writes, done);
  }

  certificate(hash: string, found: Found<StoredCertificate>): void {
    this.#store.certificate(hash, found);
  }

  /** Hashes of an account's certificates, the latest first. */
  latest(role: 'worker' | 'client', account: string, atMost: number, found: Found<string[]>): void {
    this.#store.latest(role, account, atMost, found);
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

  /** What was handed over before is written first. */
  close(done: (error: Error | undefined) => void): void {
    this.#store.close(done);
  }

  /** @returns whether it is news. */
  #settle(entry: LedgerEntry): boolean {
    if (!this.#counted.add(entry.hash)) return false;
    const own = { ...entry, worker: this.#one(entry.worker), client: this.#one(entry.client) };
    this.#byOrder.set(own.order, this.#totals.settle(own, this.#byOrder.get(own.order)));
    return true;
  }

  #one(account: string): string {
    const known = this.#accounts.get(account);
    if (known === undefined) this.#accounts.set(account, account);
    return known ?? account;
  }
}

/** Reads all that the store holds. @param minters who may create points. */
export async function openLedger({ store, entries }: OpenedScoreStore, minters: Minters = 'everyone'): Promise<Ledger> {
  const all: LedgerEntry[] = [];
  for await (const entry of entries()) all.push(entry);
  return new Ledger(store, all, minters);
}
