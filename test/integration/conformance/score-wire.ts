/**
 * What a stranger's program needs on the score network, written from docs/ledger.md and docs/protocol.md alone: objects that it
 * signs itself, their points, digests of ranges, and a connection that said whose it is. Nothing of src/.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  hashOf,
  topicName,
  type Account,
  type Mesh,
  type Message,
  type Signable,
  type WireClient,
} from './wire-client.js';

export const scoreTopic = 'qmesh-scores-v2';
export const sha256 = (hex: string): string => createHash('sha256').update(hex, 'hex').digest('hex');
/** 0 to f. */
export const hexDigits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));
const someHash = (): string => randomBytes(32).toString('hex');

/** The parts of a score, in millipoints. */
export function pointsOf(promptChars: number, resultChars: number, responseMs: number) {
  const rows = [
    [1_000, 5_000],
    [2_000, 4_000],
    [5_000, 3_000],
    [10_000, 2_000],
    [30_000, 1_000],
  ] as const;
  const speed = rows.find(([upToMs]) => responseMs <= upToMs)?.[1] ?? 0;
  const complexity = Math.min(3_000, 20 * promptChars);
  const quality = 1_000 + Math.min(1_000, 5 * resultChars);
  return { speed, complexity, quality, score: speed + complexity + quality };
}

export interface Claim {
  readonly order: Signable;
  readonly receipt: Signable;
  readonly ack: Signable;
}
export interface Certificate extends Claim {
  readonly attestations: readonly Signable[];
}

let claims = 0;

/** A request that was served and acknowledged a moment ago, with what a case changes in each part before it is signed. */
export function claimOf(
  worker: Account,
  client: Account,
  changes: { readonly order?: Signable; readonly receipt?: Signable; readonly ack?: Signable } = {},
): Claim {
  const now = Date.now();
  const order = client.signed('order', {
    network: topicName,
    client: client.node,
    worker: worker.node,
    id: `claim-${++claims}`,
    promptHash: someHash(),
    promptChars: 12,
    maxPrice: 0,
    at: now - 1_000,
    expiresAt: now + 60_000,
    ...changes.order,
  });
  const receipt = receiptOf(worker, order, changes.receipt);
  return { order, receipt, ack: ackOf(client, receipt, changes.ack) };
}

export function receiptOf(worker: Account, order: Signable, changes: Signable = {}): Signable {
  const facts = { resultChars: 5, responseMs: 400, ...changes };
  return worker.signed('receipt', {
    order: hashOf('order', order),
    worker: order.worker!,
    client: order.client!,
    model: someHash(),
    resultHash: someHash(),
    promptTokens: 4,
    completionTokens: 3,
    success: true,
    ...pointsOf(order.promptChars as number, facts.resultChars, facts.responseMs),
    finishedAt: Date.now(),
    ...facts,
  });
}

export const ackOf = (client: Account, receipt: Signable, changes: Signable = {}): Signable =>
  client.signed('ack', {
    receipt: hashOf('receipt', receipt),
    client: client.node,
    responseMs: receipt.responseMs as number,
    at: Date.now(),
    ...changes,
  });

export const attestationOf = (validator: Account, receipt: string, verdict = 'valid'): Signable =>
  validator.signed('attestation', { receipt, validator: validator.node, verdict, at: Date.now() });

export const receiptHash = ({ receipt }: Claim): string => hashOf('receipt', receipt);

/** Of the set's hashes under a prefix. */
export function digestOf(set: readonly string[], prefix: string): string {
  const under = set.filter((hash) => hash.startsWith(prefix)).sort();
  if (under.length <= 16) return sha256(under.join(''));
  return sha256(hexDigits.map((digit) => digestOf(set, prefix + digit)).join(''));
}

/** A connection on the score network on which a good hello was said. */
export class ScorePeer {
  readonly #wire: WireClient;

  private constructor(wire: WireClient) {
    this.#wire = wire;
  }

  /** @param key of the worker's end there. */
  static async dial(mesh: Mesh, key: string, account: Account, role?: 'client'): Promise<ScorePeer> {
    const wire = await mesh.dial(key);
    wire.send({ ...account.hello(wire.key, scoreTopic), ...(role === undefined ? {} : { role }) });
    return new ScorePeer(wire);
  }

  get wire(): WireClient {
    return this.#wire;
  }

  /** Number of frames received so far: where to go on from. */
  get now(): number {
    return this.#wire.received.length;
  }

  update({
    receipts = [],
    certificates = [],
  }: {
    receipts?: readonly object[];
    certificates?: readonly object[];
  }): void {
    this.#wire.send({ v: 2, type: 'score_update', receipts, certificates });
  }

  verify(attestations: readonly object[], evidence?: readonly object[]): void {
    this.#wire.send({ v: 2, type: 'score_verify', attestations, ...(evidence === undefined ? {} : { evidence }) });
  }

  /**
   * Sends digests or hashes. @returns the answer: not the beginning of a round of the worker's own, which it may send in its place
   * while it compares with somebody else; then it is asked again.
   */
  async request(ranges: readonly object[], keys?: readonly object[]): Promise<Message> {
    for (let tries = 1; ; tries++) {
      const from = this.now;
      this.#wire.send({ v: 2, type: 'score_request', ranges, ...(keys === undefined ? {} : { keys }) });
      try {
        return await this.#wire.frame((each) => each.type === 'score_request' && !isOpening(each), 4_000, from);
      } catch (error) {
        if (tries === 5) throw error;
      }
    }
  }

  /** What the worker counts under a prefix of 16 at most. */
  async counted(prefix: string): Promise<string[]> {
    const { keys } = await this.request([{ prefix, digest: sha256('00') }]);
    return keys.flatMap((each: { hashes: string[] }) => each.hashes) as string[];
  }

  /** The certificates that it has and that are not among these. */
  async certificates(prefix: string, except: readonly string[]): Promise<Certificate[]> {
    const from = this.now;
    this.#wire.send({ v: 2, type: 'score_request', ranges: [], keys: [{ prefix, hashes: except }] });
    const update = await this.#wire.frame(
      ({ type, certificates }) => type === 'score_update' && certificates.length > 0,
      10_000,
      from,
    );
    return update.certificates as Certificate[];
  }

  /** What it said of this receipt since frame `from`. */
  attestation(receipt: string, from = 0): Promise<Signable> {
    return this.#find('score_verify', 'attestations', (attestation) => attestation.receipt === receipt, from);
  }

  /** The claim, as it passes it on or puts it forward. */
  claim(receipt: string, from = 0): Promise<Claim> {
    return this.#find('score_update', 'receipts', (claim) => receiptHash(claim as unknown as Claim) === receipt, from);
  }

  evidence(kind: string, from = 0): Promise<Message> {
    return this.#find('score_verify', 'evidence', (evidence) => evidence.kind === kind, from);
  }

  async #find<Item>(type: string, list: string, fits: (item: Signable) => boolean, from: number): Promise<Item> {
    const itemIn = (message: Message) => ((message[list] ?? []) as Signable[]).find(fits);
    const message = await this.#wire.frame((each) => each.type === type && itemIn(each) !== undefined, 25_000, from);
    return itemIn(message) as Item;
  }
}

const isOpening = ({ ranges, keys }: Message): boolean => keys === undefined && ranges.length === 1;
