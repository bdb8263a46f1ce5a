/**
 * The ledger on disk: certificates and their indexes, what this node signed, open claims, and evidence. One Hyperbee over a Corestore in the
 * folder `score-db`; the keys are listed in `score-keys.ts`.
 *
 * - A `write` is atomic: after a crash either all of it is there or none. Writes are appended in groups (`group-commit.ts`).
 * - `done` means durable: each append is synced to disk first, so neither a kill nor a power loss takes what was acknowledged. (On Windows a
 *   file that another program writes cannot be synced; there a power loss may take the last few seconds.)
 * - Balances are not stored. What the fold needs is: the sums of closed days, and the entries of open ones.
 */
import { join } from 'node:path';
import Corestore from 'corestore';
import Hyperbee from 'hyperbee';
import type { Ack, Attestation, Certificate, Evidence, Order, Receipt } from '../../protocol/signed-objects.js';
import type { LedgerEntry } from '../../rules/ledger.js';
import { asError, CodedError } from '../../runtime/errors.js';
import { closeDays, closedReceipt, readCheckpoint, type Checkpoint } from './closing.js';
import { GroupCommit } from './group-commit.js';
import { certificateKey, within } from './score-keys.js';
import { readLog, readPage, type LogPage, type LogQuery, type Page, type PageOf } from './score-pages.js';
import { forceOut, putWrite } from './score-writes.js';

/** The folder inside a home. */
export const scoreFolder = 'score-db';

export interface StoredCertificate extends Certificate {
  /** Certified by this node alone; offered to other validators once there are any. */
  readonly isSolo: boolean;
}

/** As it is sent to others: without this node's own note on it. */
export const bareCertificate = ({ order, receipt, ack, attestations }: StoredCertificate): Certificate => ({
  order,
  receipt,
  ack,
  attestations,
});

/** What a node signs, by kind. */
export interface OwnObjects {
  readonly receipt: Receipt;
  readonly ack: Ack;
  readonly attestation: Attestation;
}
export type OwnKind = keyof OwnObjects;

/** A claim that is not certified yet; without `ack` until the client has sent it. */
export interface OpenClaim {
  readonly order: Order;
  readonly receipt: Receipt;
  readonly ack?: Ack;
}

/** One item to write. */
export type ScoreWrite =
  | { readonly kind: 'certificate'; readonly certificate: StoredCertificate }
  /** A receipt whose certificate is gone: its day is closed. */
  | { readonly kind: 'entry'; readonly entry: LedgerEntry }
  /** A receipt of a closed day that is not in the sums. */
  | { readonly kind: 'kept'; readonly entry: LedgerEntry }
  /** A receipt in the sums whose order has another receipt outside them. */
  | { readonly kind: 'contested'; readonly holder: LedgerEntry }
  /** What this node signed for an order, and sends again after a restart. */
  | { readonly kind: 'signed'; readonly order: string; readonly what: OwnKind; readonly object: OwnObjects[OwnKind] }
  /** Kept until its certificate is written or the claim is closed. `hash` is the receipt's. */
  | { readonly kind: 'claim'; readonly hash: string; readonly claim: OpenClaim }
  | { readonly kind: 'claim.closed'; readonly hash: string }
  | { readonly kind: 'evidence'; readonly account: string; readonly evidence: Evidence };

export type ScoreStoreErrorCode =
  /** Another process has the folder open. */
  | 'store_in_use'
  /** The folder was copied: two nodes continuing from the same history would sign conflicting objects under one key. */
  | 'store_copied'
  | 'store_unreadable'
  | 'store_busy';

export type Found<Value> = (error: Error | undefined, value: Value | undefined) => void;

export interface ScoreStore {
  /** All of them or none. `done` when they are on disk. */
  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void;
  certificate(hash: string, found: Found<StoredCertificate>): void;
  /** What this node signed for this order. */
  signed<Kind extends OwnKind>(what: Kind, order: string, found: Found<OwnObjects[Kind]>): void;
  claim(hash: string, found: Found<OpenClaim>): void;
  claims(found: Found<OpenClaim[]>): void;
  evidence(found: Found<Evidence[]>): void;
  /** Receipts that are certified by this node alone. */
  solos(found: Found<string[]>): void;
  /** Everything of a kind, one page at a time. @param after `next` of the previous page */
  page(of: PageOf, after: string | undefined, found: Found<Page>): void;
  /** Receipts, the latest first. */
  log(query: LogQuery, found: Found<LogPage>): void;
  /** The receipt of this order that is in the sums of closed days. */
  closedReceipt(order: string, found: Found<LedgerEntry>): void;
  /** Closes the days before this one (`closing.ts`). None of their receipts may be written meanwhile. */
  closeDays(before: number, isContested: (order: string) => boolean, done: (error: Error | undefined) => void): void;
  close(done: (error: Error | undefined) => void): void;
}

export interface OpenedScoreStore {
  readonly store: ScoreStore;
  /** What a node starts from. Read it before the first write. */
  readonly checkpoint: () => Promise<Checkpoint>;
  /** Every receipt ever counted, by day, as the fold takes them. */
  readonly entries: () => AsyncIterable<LedgerEntry>;
}

/** Rejects with a CodedError. */
export async function openScoreStore(folder: string): Promise<OpenedScoreStore> {
  const corestore = new Corestore(folder, { allowBackup: false });
  try {
    await corestore.ready();
    const bee = new Hyperbee(corestore.get({ name: 'scores' }), { keyEncoding: 'utf-8', valueEncoding: 'json' });
    await bee.ready();
    const store = new BeeScoreStore(bee, corestore, folder);
    return { store, checkpoint: () => readCheckpoint(bee), entries: () => entriesOf(bee) };
  } catch (error) {
    await corestore.close().catch(() => {});
    throw whyNotOpened(folder, error);
  }
}

class BeeScoreStore implements ScoreStore {
  readonly #bee: Hyperbee;
  readonly #corestore: Corestore;
  readonly #folder: string;
  readonly #commits: GroupCommit;
  /** The last run of `closeDays`. */
  #closing: Promise<void> = Promise.resolve();

  constructor(bee: Hyperbee, corestore: Corestore, folder: string) {
    this.#bee = bee;
    this.#corestore = corestore;
    this.#folder = folder;
    this.#commits = new GroupCommit((writes) => this.#append(writes));
  }

  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    this.#commits.write(writes, done);
  }

  certificate(hash: string, found: Found<StoredCertificate>): void {
    this.#get(certificateKey(hash), found);
  }

  signed<Kind extends OwnKind>(what: Kind, order: string, found: Found<OwnObjects[Kind]>): void {
    this.#get(`signed/${what}/${order}`, found);
  }

  claim(hash: string, found: Found<OpenClaim>): void {
    this.#get(`claim/${hash}`, found);
  }

  claims(found: Found<OpenClaim[]>): void {
    tellWith(found, this.#all<OpenClaim>('claim/'));
  }

  evidence(found: Found<Evidence[]>): void {
    tellWith(found, this.#all<Evidence>('evidence/'));
  }

  solos(found: Found<string[]>): void {
    const start = 'solo/';
    const hashes = async (): Promise<string[]> => {
      const list: string[] = [];
      for await (const { key } of this.#bee.createReadStream(within(start))) list.push(key.slice(start.length));
      return list;
    };
    tellWith(found, hashes());
  }

  page(of: PageOf, after: string | undefined, found: Found<Page>): void {
    tellWith(found, readPage(this.#bee, of, after));
  }

  log(query: LogQuery, found: Found<LogPage>): void {
    tellWith(found, readLog(this.#bee, query));
  }

  closedReceipt(order: string, found: Found<LedgerEntry>): void {
    tellWith(found, closedReceipt(this.#bee, order));
  }

  closeDays(before: number, isContested: (order: string) => boolean, done: (error: Error | undefined) => void): void {
    const closing = this.#closing.then(() => closeDays(this.#bee, before, isContested));
    this.#closing = closing.catch(() => {});
    tellWith((error) => done(error), closing);
  }

  /** Pending writes are finished first. */
  close(done: (error: Error | undefined) => void): void {
    const close = async (): Promise<void> => {
      await this.#commits.idle();
      await this.#bee.close();
      await this.#corestore.close();
    };
    tellWith((error) => done(error), close());
  }

  async #append(writes: readonly ScoreWrite[]): Promise<void> {
    const batch = this.#bee.batch();
    for (const write of writes) await putWrite(batch, write);
    await batch.flush();
    await forceOut(join(this.#folder, 'db'));
  }

  async #all<Value>(start: `${string}/`): Promise<Value[]> {
    const list: Value[] = [];
    for await (const { value } of this.#bee.createReadStream(within(start))) list.push(value as Value);
    return list;
  }

  #get<Value>(key: string, found: Found<Value>): void {
    tellWith(
      found,
      this.#bee.get(key).then((entry) => (entry === null ? undefined : (entry.value as Value))),
    );
  }
}

async function* entriesOf(bee: Hyperbee): AsyncIterable<LedgerEntry> {
  for await (const { value } of bee.createReadStream(within('day/'))) yield value as LedgerEntry;
}

function tellWith<Value>(found: Found<Value>, promise: Promise<Value | undefined>): void {
  promise.then(
    (value) => found(undefined, value),
    (error: unknown) => found(asError(error), undefined),
  );
}

function whyNotOpened(folder: string, error: unknown): CodedError<ScoreStoreErrorCode> {
  const message = asError(error).message;
  if (message.includes('could not be locked'))
    return new CodedError<ScoreStoreErrorCode>(
      'store_in_use',
      `the points in ${folder} are in use by another process; stop it first`,
      error,
    );
  if ((error as { readonly code?: unknown }).code === 'DEVICE_FILE')
    return new CodedError<ScoreStoreErrorCode>(
      'store_copied',
      `the points in ${folder} were copied from another place, and two nodes that continue from one history contradict each other; ` +
        'move the folder away: the mesh brings back the points of the last 31 days, and qmesh score restore those of a backup',
      error,
    );
  return new CodedError<ScoreStoreErrorCode>(
    'store_unreadable',
    `the points in ${folder} cannot be read: ${message}`,
    error,
  );
}
