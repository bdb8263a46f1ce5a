/**
 * The ledger on the disk: certificates, the indexes by which they are found, what this node signed, and evidence. One
 * Hyperbee over a Corestore in the folder `score-db`.
 *
 * - Everything handed over in one `write` is there after a crash, or nothing of it; `done` is called when it is. What is
 *   handed over while another write is on its way goes out together with all else that waits: one append for many.
 * - A process that is killed loses nothing that was acknowledged. Nothing is forced out of the operating system's own
 *   buffers, so a loss of power may take the last seconds; peers have them still, and anti-entropy brings them back.
 * - Balances are not in here. The fold's entries are, by day, and are read when it opens.
 */
import Corestore from 'corestore';
import Hyperbee, { type Batch } from 'hyperbee';
import {
  objectHash,
  type Ack,
  type Attestation,
  type Certificate,
  type Evidence,
  type Order,
  type Receipt,
} from '../protocol/signed-objects.js';
import { entryOf, mintDayOf, type LedgerEntry } from '../rules/ledger.js';

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

export class ScoreStoreError extends Error {
  override readonly name = 'ScoreStoreError';
  readonly code: ScoreStoreErrorCode;

  /** @param message one line: what, why, what next. */
  constructor(code: ScoreStoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export type Found<Value> = (error: Error | undefined, value: Value | undefined) => void;

export interface ScoreStore {
  /** All of them or none. `done` when they are on the disk. */
  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void;
  certificate(hash: string, found: Found<StoredCertificate>): void;
  /** What this node signed for this order. */
  signed<Kind extends OwnKind>(what: Kind, order: string, found: Found<OwnObjects[Kind]>): void;
  /** Hashes of an account's certificates, the latest first. */
  latest(role: 'worker' | 'client', account: string, atMost: number, found: Found<string[]>): void;
  claim(hash: string, found: Found<OpenClaim>): void;
  claims(found: Found<OpenClaim[]>): void;
  evidence(found: Found<Evidence[]>): void;
  close(done: (error: Error | undefined) => void): void;
}

export interface OpenedScoreStore {
  readonly store: ScoreStore;
  /** Every certificate ever counted, by day, as the fold takes it. To be read once, before the first write. */
  readonly entries: () => AsyncIterable<LedgerEntry>;
}

/** Rejects with a ScoreStoreError. */
export async function openScoreStore(folder: string): Promise<OpenedScoreStore> {
  const corestore = new Corestore(folder, { allowBackup: false });
  try {
    await corestore.ready();
    const bee = new Hyperbee(corestore.get({ name: 'scores' }), { keyEncoding: 'utf-8', valueEncoding: 'json' });
    await bee.ready();
    return { store: new BeeScoreStore(bee, corestore), entries: () => entriesOf(bee) };
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
  #waiting: Waiting[] = [];
  #waitingWrites = 0;
  #isWriting = false;
  /** Called when nothing waits any more. */
  #whenIdle: (() => void) | undefined;

  constructor(bee: Hyperbee, corestore: Corestore) {
    this.#bee = bee;
    this.#corestore = corestore;
  }

  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    if (this.#waitingWrites + writes.length > maxWaitingWrites) {
      done(new ScoreStoreError('store_busy', `${maxWaitingWrites} writes wait for the disk; try again later`));
      return;
    }
    this.#waiting.push({ writes, done });
    this.#waitingWrites += writes.length;
    if (!this.#isWriting) this.#writeNext();
  }

  certificate(hash: string, found: Found<StoredCertificate>): void {
    this.#get(`certificate/${hash}`, found);
  }

  signed<Kind extends OwnKind>(what: Kind, order: string, found: Found<OwnObjects[Kind]>): void {
    this.#get(`signed/${what}/${order}`, found);
  }

  latest(role: 'worker' | 'client', account: string, atMost: number, found: Found<string[]>): void {
    const start = `${role}/${account}/`;
    const keys = async (): Promise<string[]> => {
      const hashes: string[] = [];
      for await (const { key } of this.#bee.createReadStream({ ...within(start), reverse: true, limit: atMost }))
        hashes.push(key.slice(key.lastIndexOf('/') + 1));
      return hashes;
    };
    tellWith(found, keys());
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
    for (const write of writes) await put(batch, write);
    await batch.flush();
  }

  async #all<Value>(start: string): Promise<Value[]> {
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

/** The value of a key by day is what the fold needs, so that it reads nothing else. */
async function put(batch: Batch, write: ScoreWrite): Promise<void> {
  if (write.kind === 'signed') return batch.put(`signed/${write.what}/${write.order}`, write.object);
  if (write.kind === 'evidence') return batch.put(`evidence/${write.account}/${write.evidence.kind}`, write.evidence);
  if (write.kind === 'claim') return batch.put(`claim/${write.hash}`, write.claim);
  if (write.kind === 'claim.closed') return batch.del(`claim/${write.hash}`);
  const { certificate } = write;
  const { order, receipt } = certificate;
  const hash = objectHash('receipt', receipt);
  const entry = entryOf(hash, order, receipt);
  const time = sortable(receipt.finishedAt);
  await batch.put(`certificate/${hash}`, certificate);
  await batch.del(`claim/${hash}`);
  await batch.put(`day/${sortable(mintDayOf(entry))}/${hash}`, entry);
  await batch.put(`worker/${receipt.worker}/${time}/${hash}`, null);
  await batch.put(`client/${receipt.client}/${time}/${hash}`, null);
}

async function* entriesOf(bee: Hyperbee): AsyncIterable<LedgerEntry> {
  for await (const { value } of bee.createReadStream(within('day/'))) yield value as LedgerEntry;
}

/** All keys that begin so: '0' is the character after '/'. */
const within = (start: string): { gte: string; lt: string } => ({ gte: start, lt: `${start.slice(0, -1)}0` });

/** Numbers below 2^53 as texts of one length, so that they sort as numbers do. */
const sortable = (number: number): string => String(number).padStart(16, '0');

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

function tellWith<Value>(found: Found<Value>, promise: Promise<Value | undefined>): void {
  promise.then(
    (value) => found(undefined, value),
    (error: unknown) => found(asError(error), undefined),
  );
}

function whyNotOpened(folder: string, error: unknown): ScoreStoreError {
  const message = asError(error).message;
  if (message.includes('could not be locked'))
    return new ScoreStoreError(
      'store_in_use',
      `the points in ${folder} are in use by another process; stop it first`,
      error,
    );
  if ((error as { readonly code?: unknown }).code === 'DEVICE_FILE')
    return new ScoreStoreError(
      'store_copied',
      `the points in ${folder} were copied from another place, and two nodes that go on from one history contradict each other; ` +
        'move the folder away: the mesh brings the points back',
      error,
    );
  return new ScoreStoreError('store_unreadable', `the points in ${folder} cannot be read: ${message}`, error);
}
