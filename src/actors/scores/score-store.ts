/**
 * The ledger on the disk: certificates, the indexes by which they are found, what this node signed, and evidence. One
 * Hyperbee over a Corestore in the folder `score-db`; its keys are in `scores/score-keys.ts`.
 *
 * - Everything handed over in one `write` is there after a crash, or nothing of it; `done` is called when it is. What is
 *   handed over while another write is on its way goes out together with all else that waits: one append for many.
 * - Neither a kill nor a loss of power takes what was acknowledged: each append is forced to the disk before it is (not on
 *   Windows, which does not let a file be forced out that somebody else writes: there a loss of power may take the last seconds).
 * - Balances are not in here. What the fold needs is: sums of the days that are closed, and entries of those that are not.
 */
import { join } from 'node:path';
import Corestore from 'corestore';
import Hyperbee from 'hyperbee';
import type { Ack, Attestation, Certificate, Evidence, Order, Receipt } from '../../protocol/signed-objects.js';
import type { LedgerEntry } from '../../rules/ledger.js';
import { asError, CodedError } from '../../runtime/errors.js';
import { closeDays, closedReceipt, readCheckpoint, type Checkpoint } from './closing.js';
import { certificateKey, within } from './score-keys.js';
import { readLog, readPage, type LogPage, type LogQuery, type Page, type PageOf } from './score-pages.js';
import { forceOut, putWrite } from './score-writes.js';

/** Where it is in a home. */
export const scoreFolder = 'score-db';
/** Things that may wait for the disk. More are refused: a disk that slow would fill the memory. */
export const maxWaitingWrites = 10_000;
/** Things in one append, so that it stays short. */
const maxPerBatch = 512;

export interface StoredCertificate extends Certificate {
  /** Certified by this node alone: to be offered again as others appear. */
  readonly isSolo: boolean;
}

/** What a node signs, by what it is. */
export interface OwnObjects {
  readonly receipt: Receipt;
  readonly ack: Ack;
  readonly attestation: Attestation;
}
export type OwnKind = keyof OwnObjects;

/** A claim that is not certified yet; without `ack` while its client owes that. */
export interface OpenClaim {
  readonly order: Order;
  readonly receipt: Receipt;
  readonly ack?: Ack;
}

/** One thing to keep. `signed`: by this node, and for which order: it is what a restarted node sends again. */
export type ScoreWrite =
  | { readonly kind: 'certificate'; readonly certificate: StoredCertificate }
  /** A receipt of which only this is left. */
  | { readonly kind: 'entry'; readonly entry: LedgerEntry }
  /** It is not in the sums of closed days, though its day is closed. */
  | { readonly kind: 'kept'; readonly entry: LedgerEntry }
  /** It is in those sums, and another receipt of its order contends with it. */
  | { readonly kind: 'contested'; readonly holder: LedgerEntry }
  | { readonly kind: 'signed'; readonly order: string; readonly what: OwnKind; readonly object: OwnObjects[OwnKind] }
  /** Kept until its certificate is written, or it is closed. `hash` is the receipt's. */
  | { readonly kind: 'claim'; readonly hash: string; readonly claim: OpenClaim }
  | { readonly kind: 'claim.closed'; readonly hash: string }
  | { readonly kind: 'evidence'; readonly account: string; readonly evidence: Evidence };

export type ScoreStoreErrorCode =
  /** Another process has the folder open. */
  | 'store_in_use'
  /** The folder is a copy of another one: two nodes that go on from it would sign different things in one name. */
  | 'store_copied'
  | 'store_unreadable'
  | 'store_busy';

export type Found<Value> = (error: Error | undefined, value: Value | undefined) => void;

export interface ScoreStore {
  /** All of them or none. `done` when they are on the disk. */
  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void;
  certificate(hash: string, found: Found<StoredCertificate>): void;
  /** What this node signed for this order. */
  signed<Kind extends OwnKind>(what: Kind, order: string, found: Found<OwnObjects[Kind]>): void;
  claim(hash: string, found: Found<OpenClaim>): void;
  claims(found: Found<OpenClaim[]>): void;
  evidence(found: Found<Evidence[]>): void;
  /** The receipts whose certificates this node made alone, and that nobody else has attested since. */
  solos(found: Found<string[]>): void;
  /** Everything of a kind, a part at a time. @param after `next` of the page before */
  page(of: PageOf, after: string | undefined, found: Found<Page>): void;
  /** Receipts, the latest first. */
  log(query: LogQuery, found: Found<LogPage>): void;
  /** The receipt that stands for this order in the sums of closed days. */
  closedReceipt(order: string, found: Found<LedgerEntry>): void;
  /** Closes the days before this one: see `scores/closing.ts`. None of their receipts may be written meanwhile. */
  closeDays(before: number, isContested: (order: string) => boolean, done: (error: Error | undefined) => void): void;
  close(done: (error: Error | undefined) => void): void;
}

export interface OpenedScoreStore {
  readonly store: ScoreStore;
  /** What a node starts from. To be read before the first write. */
  readonly checkpoint: () => Promise<Checkpoint>;
  /** Every certificate ever counted, by day, as the fold takes it. */
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

interface Waiting {
  readonly writes: readonly ScoreWrite[];
  readonly done: (error: Error | undefined) => void;
}

class BeeScoreStore implements ScoreStore {
  readonly #bee: Hyperbee;
  readonly #corestore: Corestore;
  readonly #folder: string;
  #waiting: Waiting[] = [];
  #waitingWrites = 0;
  #isWriting = false;
  /** Called when nothing waits any more. */
  #whenIdle: (() => void) | undefined;
  #closing: Promise<void> = Promise.resolve();

  constructor(bee: Hyperbee, corestore: Corestore, folder: string) {
    this.#bee = bee;
    this.#corestore = corestore;
    this.#folder = folder;
  }

  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    if (this.#waitingWrites + writes.length > maxWaitingWrites) {
      done(
        new CodedError<ScoreStoreErrorCode>(
          'store_busy',
          `${maxWaitingWrites} writes wait for the disk; try again later`,
        ),
      );
      return;
    }
    this.#waiting.push({ writes, done });
    this.#waitingWrites += writes.length;
    if (!this.#isWriting) this.#writeNext();
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

  /** What was handed over before is written first. */
  close(done: (error: Error | undefined) => void): void {
    const close = async (): Promise<void> => {
      if (this.#isWriting) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
      await this.#bee.close();
      await this.#corestore.close();
    };
    tellWith((error) => done(error), close());
  }

  #writeNext(): void {
    const group = this.#nextGroup();
    this.#isWriting = group.length > 0;
    if (!this.#isWriting) {
      this.#whenIdle?.();
      return;
    }
    const answer = (error: Error | undefined): void => {
      for (const { done } of group) done(error);
      this.#writeNext();
    };
    this.#append(group.flatMap(({ writes }) => writes)).then(
      () => answer(undefined),
      (error: unknown) => answer(asError(error)),
    );
  }

  /** As many as fit one batch, and one at least. */
  #nextGroup(): Waiting[] {
    let size = 0;
    const end = this.#waiting.findIndex(({ writes }, at) => (size += writes.length) > maxPerBatch && at > 0);
    const group = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
    for (const { writes } of group) this.#waitingWrites -= writes.length;
    return group;
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
      `the points in ${folder} were copied from another place, and two nodes that go on from one history contradict each other; ` +
        'move the folder away: the mesh brings back the points of the last 31 days, and qmesh score restore those of a backup',
      error,
    );
  return new CodedError<ScoreStoreErrorCode>(
    'store_unreadable',
    `the points in ${folder} cannot be read: ${message}`,
    error,
  );
}
