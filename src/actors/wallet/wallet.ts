/**
 * A client's side of the ledger: it signs orders within its balance, checks the receipts that come back, and
 * acknowledges those that match what was received. It lives outside the client's actors, since a receipt may arrive
 * after its request is over.
 *
 * 1. `order`: called each time a prompt is sent to a worker. Its price is reserved. The salt stays the same for the
 *    same id at the same worker, so that a result the worker has kept is recognised.
 * 2. `settle`: compares the receipt of a result with what arrived, and hands an ack to `ack-post.ts`.
 *
 * An order is forgotten with its result, so an order gets at most one ack, whatever receipts its worker sends.
 */
import type { KeyPair } from '../../protocol/keys.js';
import { limits } from '../../protocol/limits.js';
import type { InferenceResultMessage, PromptMessage } from '../../protocol/messages.js';
import { promptFacts } from '../../protocol/salted-hash.js';
import { objectHash, receiptSchema, signObject, type Order, type Receipt } from '../../protocol/signed-objects.js';
import { offerFor } from '../../rules/price.js';
import { receiptProblem } from '../../rules/receipt.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Random } from '../../runtime/random.js';
import type { AckPost } from './ack-post.js';
import type { Connection } from '../ports.js';

/** Requests whose receipts may still arrive. The oldest is forgotten first. */
const maxOrdered = 4_096;
/** An older balance is looked up again with the next order. */
const balanceFreshMs = 30_000;
/** A balance looked up this much later includes the payment, since a certificate takes seconds. */
const certifiedAfterMs = 10_000;
const saltBytes = 16;

export interface WalletOptions {
  readonly identity: KeyPair;
  /** The inference topic of this mesh. */
  readonly network: string;
  /** Maximum price of one request, in millipoints. */
  readonly maxPrice: number;
  /** Looks the balance up, in millipoints; undefined if unknown. Calls back once. */
  readonly balance: (found: (millipoints: number | undefined) => void) => void;
  /** Called with what is paid. */
  readonly paid?: (millipoints: number) => void;
  /** Called when an account with unknown balance turns out to be empty. */
  readonly foundEmpty?: () => void;
  readonly post: AckPost;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A receipt that this client acknowledged. */
export interface Settled {
  readonly receipt: Receipt;
  /** Millipoints. */
  readonly paid: number;
}

interface Made {
  readonly order: Order;
  readonly sentAtMs: number;
  /** The text the client already had when it asked. */
  readonly resumeText: string;
}

interface Ordered {
  readonly salt: string;
  /** By hash: a worker that was asked twice may still answer the first order. */
  readonly orders: Map<string, Made>;
  /** Length of the text received since the prompt was last sent. */
  heardChars: number;
  heardAtMs: number;
}

interface Reserved {
  readonly millipoints: number;
  readonly worker: string;
  /** Undefined while the request runs. */
  readonly endedAtMs: number | undefined;
}

export class Wallet {
  readonly #options: WalletOptions;
  readonly #ordered = new Map<string, Ordered>();
  /** By the hash of the order. */
  readonly #reserved = new Map<string, Reserved>();
  /** Undefined if unknown: then the full price is offered, and a worker that knows of less refuses it. */
  #balance: number | undefined = 0;
  #askedAtMs = -Infinity;

  constructor(options: WalletOptions) {
    this.#options = options;
  }

  /** The last known balance, in millipoints; undefined if there never was one. */
  get balance(): number | undefined {
    return this.#balance;
  }

  /** The balance less what is reserved. */
  get free(): number {
    if (this.#balance === undefined) return Infinity;
    let spoken = 0;
    for (const { millipoints } of this.#reserved.values()) spoken += millipoints;
    return Math.max(0, this.#balance - spoken);
  }

  /** Looks the balance up. @param known called when that is done. */
  refresh(known: () => void = () => {}): void {
    const { clock, balance } = this.#options;
    const askedAtMs = clock.monotonicMs();
    this.#askedAtMs = askedAtMs;
    balance((millipoints) => {
      this.#balance = millipoints;
      for (const [hash, { endedAtMs = Infinity }] of this.#reserved)
        if (endedAtMs + certifiedAfterMs <= askedAtMs) this.#reserved.delete(hash);
      known();
    });
  }

  /** The order to send with this prompt to this worker. Undefined if none is possible; the prompt then goes without. */
  order(
    worker: string,
    prompt: PromptMessage,
    isGuest: boolean,
  ): { readonly order: Order; readonly salt: string } | undefined {
    const { identity, network, maxPrice, clock, random } = this.#options;
    if (worker === identity.publicKeyHex) return undefined; // nobody pays itself
    if (clock.monotonicMs() - this.#askedAtMs >= balanceFreshMs) this.refresh();
    const known = this.#ordered.get(keyOf(worker, prompt.id));
    const salt = known?.salt ?? Buffer.from(random.bytes(saltBytes)).toString('hex');
    const facts = promptFacts(prompt, salt);
    if (facts === undefined) return undefined;
    const at = Math.floor(clock.now());
    const order = signObject(
      'order',
      {
        network,
        client: identity.publicKeyHex,
        worker,
        id: prompt.id,
        promptHash: facts.hash,
        promptChars: facts.chars,
        maxPrice: isGuest ? 0 : offerFor({ promptChars: facts.chars, free: this.free, maxPrice }),
        at,
        expiresAt: at + limits.maxOrderLifeMs,
      },
      identity,
    );
    this.#note(worker, order, { salt, resumeText: prompt.resume?.text ?? '' });
    return { order, salt };
  }

  /**
   * A worker refused the offer because its ledger shows less. A wallet that knows its balance keeps offering elsewhere.
   */
  refused(): void {
    if (this.#balance !== undefined) return;
    this.#balance = 0;
    this.#options.foundEmpty?.();
  }

  /** New text arrived from this worker. */
  heard(worker: string, id: string, text: string): void {
    const ordered = this.#ordered.get(keyOf(worker, id));
    if (ordered === undefined) return;
    ordered.heardChars += text.length;
    ordered.heardAtMs = this.#options.clock.monotonicMs();
  }

  /** The request ended there without a result: nothing is paid. */
  failed(worker: string, id: string): void {
    const ordered = this.#take(worker, id);
    for (const hash of ordered?.orders.keys() ?? []) this.#reserved.delete(hash);
  }

  /** The request has a result from this worker. @returns what was acknowledged, if anything. */
  settle(worker: string, result: InferenceResultMessage): Settled | undefined {
    const { clock, log } = this.#options;
    const ordered = this.#take(worker, result.id);
    if (ordered === undefined) return undefined;
    const parsed = receiptSchema.safeParse(result.receipt);
    const made = parsed.success ? ordered.orders.get(parsed.data.order) : undefined;
    const latest = [...ordered.orders.values()].at(-1);
    for (const hash of ordered.orders.keys()) this.#reserved.delete(hash);
    if (!parsed.success || made === undefined || latest === undefined) {
      if (result.receipt !== undefined) log.debug('receipt.refused', { worker, problem: 'it names no order of ours' });
      return undefined;
    }
    const now = clock.monotonicMs();
    const lastTextAtMs = ordered.heardChars === result.text.length && ordered.heardChars > 0 ? ordered.heardAtMs : now;
    const responseMs = Math.round(lastTextAtMs - made.sentAtMs);
    const asked = { order: made.order, salt: ordered.salt, responseMs };
    // A kept result may be sent from where the client resumed, but its receipt covers the text from where it first asked.
    const whole = latest.resumeText.slice(made.resumeText.length) + result.text;
    const problem =
      receiptProblem(parsed.data, { ...asked, result }) &&
      receiptProblem(parsed.data, { ...asked, result: { ...result, text: whole } });
    if (problem !== undefined) {
      log.warn('receipt.refused', { worker, problem });
      return undefined;
    }
    if (!parsed.data.success) return undefined; // worth nothing to anybody
    return this.#sign(worker, made.order, parsed.data, responseMs);
  }

  connected(connection: Connection): void {
    this.#options.post.connected(connection);
  }

  /** Requests unanswered on this connection will not be paid for. */
  disconnected(connection: Connection): void {
    if (!this.#options.post.disconnected(connection)) return;
    for (const [hash, { worker, endedAtMs }] of this.#reserved)
      if (worker === connection.remoteKey && endedAtMs === undefined) this.#reserved.delete(hash);
  }

  /** Call before the client closes its connections. It closes them gracefully, so acks already written arrive. */
  close(): void {
    this.#options.post.close();
  }

  #sign(worker: string, order: Order, receipt: Receipt, responseMs: number): Settled | undefined {
    const { identity, post, clock } = this.#options;
    const hash = objectHash('receipt', receipt);
    const at = Math.floor(clock.now());
    const ack = signObject('ack', { receipt: hash, client: identity.publicKeyHex, responseMs, at }, identity);
    if (!post.send({ worker, id: order.id, ack })) return undefined;
    this.#reserve(order, clock.monotonicMs());
    const paid = Math.min(receipt.score, order.maxPrice);
    if (paid > 0) this.#options.paid?.(paid);
    return { receipt, paid };
  }

  #note(worker: string, order: Order, { salt, resumeText }: { salt: string; resumeText: string }): void {
    const sentAtMs = this.#options.clock.monotonicMs();
    const key = keyOf(worker, order.id);
    const orders = this.#ordered.get(key)?.orders ?? new Map<string, Made>();
    for (const hash of orders.keys()) this.#reserved.delete(hash); // they are one request, paid once
    orders.set(objectHash('order', order), { order, sentAtMs, resumeText });
    this.#ordered.delete(key); // moves it to the end
    this.#ordered.set(key, { salt, orders, heardChars: 0, heardAtMs: sentAtMs });
    this.#reserve(order, undefined);
    if (this.#ordered.size > maxOrdered) for (const oldest of this.#ordered.keys()) return this.#forget(oldest);
  }

  #reserve({ maxPrice, ...order }: Order, endedAtMs: number | undefined): void {
    if (maxPrice === 0) return;
    const hash = objectHash('order', { ...order, maxPrice });
    this.#reserved.set(hash, { millipoints: maxPrice, worker: order.worker, endedAtMs });
  }

  #take(worker: string, id: string): Ordered | undefined {
    const key = keyOf(worker, id);
    const ordered = this.#ordered.get(key);
    this.#ordered.delete(key);
    return ordered;
  }

  #forget(key: string): void {
    for (const hash of this.#ordered.get(key)?.orders.keys() ?? []) this.#reserved.delete(hash);
    this.#ordered.delete(key);
  }
}

const keyOf = (worker: string, id: string): string => `${worker}/${id}`;
