/**
 * Where a worker takes orders and issues receipts. Lives outside the actors: orders taken, prices held and receipts
 * issued must stay known whatever happens to the scheduler.
 *
 * 1. `refusalOf`: checks that the order is valid, unused and covered, and that its client acknowledges results.
 * 2. `take`: the request was admitted. Its order is used up, and its price is held.
 * 3. `give`: the request has a result. The receipt and the claim that may follow from it are on disk before the result
 *    is sent. `end`: it ended without a result.
 * 4. `acknowledge`: the client's ack completes the claim, on this connection or a later one.
 *
 * Everything kept is bounded: orders by their lifetime of 10 minutes and by number, holds and outstanding acks by their
 * own limits.
 */
import { topicName } from '../../protocol/topics.js';
import type { KeyPair } from '../../protocol/keys.js';
import type { InferenceResultMessage, PromptMessage } from '../../protocol/messages.js';
import {
  isGenuine,
  objectHash,
  signObject,
  type Ack,
  type Claim,
  type Order,
  type Receipt,
} from '../../protocol/signed-objects.js';
import type { Refusal } from '../../rules/admission.js';
import { agreeOnResponse } from '../../rules/claim.js';
import { Holds, maxHolds } from '../../rules/holds.js';
import { orderProblem } from '../../rules/order.js';
import { Outstanding } from '../../rules/outstanding.js';
import { ackLifeMs, receiptOf } from '../../rules/receipt.js';
import type { Tier } from '../../rules/tiers.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Conduct } from '../conduct/conduct.js';
import type { Ledger } from '../scores/ledger.js';
import type { OpenClaim } from '../scores/score-store.js';
import type { WorkerPorts } from './worker-ports.js';

/**
 * Used orders that are remembered. If there are more in ten minutes, further ones are refused until the oldest expire.
 */
export const maxUsedOrders = 100_000;
/** If the disk takes longer, the worker loses its receipt, but the client still gets its answer. */
export const receiptPatienceMs = 1_000;

export interface DeskOptions {
  readonly identity: KeyPair;
  readonly networkPrefix: string;
  readonly ledger: Ledger | undefined;
  readonly conduct: Pick<Conduct, 'strike'>;
  readonly standing: WorkerPorts['standing'];
  readonly clock: Clock;
  readonly log: Logger;
}

export class Desk {
  readonly #options: DeskOptions;
  readonly #network: string;
  /** Hash → expiry. */
  readonly #used = new Map<string, number>();
  readonly #holds = new Holds();
  readonly #outstanding = new Outstanding();
  /** Orders whose requests are waiting or running. */
  readonly #open = new Set<string>();
  /** Client → callbacks waiting to learn whether it acks. */
  readonly #awaited = new Map<string, Set<() => void>>();
  #beingSigned = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#network = topicName('inference', options.networkPrefix);
    options.ledger?.onCertified(({ order }) => this.#holds.release(order));
    this.#resume();
  }

  /** Whether no result is waiting for its receipt. */
  get isIdle(): boolean {
    return this.#beingSigned === 0;
  }

  /** Millipoints offered for requests that are open here or were just answered. */
  get held(): number {
    return this.#holds.total;
  }

  /** The tier that this prompt's offer gives in line. An uncovered offer counts as none here, and is refused later. */
  tierOf(account: string, prompt: PromptMessage): Tier {
    return this.#standing(account, prompt.order) ?? 'guest';
  }

  /** Checks an order in the sequence of docs/ledger.md. Undefined: accepted. */
  refusalOf(account: string, prompt: PromptMessage): Refusal | undefined {
    const order = this.#orderOf(account, prompt);
    return (order && this.#refusalOfOrder(account, prompt, order)) ?? this.#refusalOfDebtor(account);
  }

  #refusalOfOrder(account: string, prompt: PromptMessage, order: Order): Refusal | undefined {
    const { clock, conduct, identity } = this.#options;
    const view = { network: this.#network, account, worker: identity.publicKeyHex, nowMs: clock.now() };
    const problem = orderProblem(order, prompt, view);
    if (problem?.isForged === true) conduct.strike(account, 'bad_signature');
    if (problem !== undefined) return { code: 'bad_request', message: problem.message };
    this.#expire();
    if (this.#used.has(objectHash('order', order)))
      return { code: 'bad_request', message: 'order: it was used already; each request needs one of its own' };
    if (this.#used.size >= maxUsedOrders || this.#holds.size >= maxHolds)
      return { code: 'overloaded', message: 'This worker has taken all the orders that it can remember; ask another.' };
    return this.#standing(account, order) === undefined ? this.#uncovered(account, order) : undefined;
  }

  /** A client that owes too many acks is refused, with an order or without. */
  #refusalOfDebtor(account: string): Refusal | undefined {
    this.#expire();
    const refusedMs = this.#outstanding.refusedForMs(account, this.#options.clock.monotonicMs());
    return refusedMs > 0 ? unacknowledged(refusedMs) : undefined;
  }

  /**
   * Calls `known` once it is certain whether this client owes too many acks: because it has sent some, or because they
   * are overdue.
   * @returns a function that ends the wait; undefined if it is certain already.
   */
  whenAcked(client: string, known: () => void): (() => void) | undefined {
    const { clock } = this.#options;
    const undecidedMs = (): number => this.#outstanding.undecidedForMs(client, clock.monotonicMs());
    if (undecidedMs() === 0) return undefined;
    const waiting = this.#awaited.get(client) ?? new Set();
    this.#awaited.set(client, waiting);
    let timer: TimerHandle;
    const end = (): void => {
      clock.clearTimeout(timer);
      waiting.delete(look);
      if (waiting.size === 0) this.#awaited.delete(client);
    };
    const look = (): void => {
      end();
      const leftMs = undecidedMs();
      if (leftMs === 0) return known();
      timer = clock.setTimeout(look, leftMs);
      this.#awaited.set(client, waiting.add(look));
    };
    look();
    return end;
  }

  /**
   * Whether the same id was asked earlier with a different prompt. That is a strike, since no correct client does it.
   */
  contradicts(account: string, before: string | undefined, { order }: PromptMessage): boolean {
    if (before === undefined || order === undefined || before === order.promptHash) return false;
    this.#options.conduct.strike(account, 'conflicting_order');
    return true;
  }

  /** The request was admitted. */
  take(account: string, prompt: PromptMessage): void {
    const order = this.#orderOf(account, prompt);
    if (order === undefined) return;
    const hash = objectHash('order', order);
    this.#used.set(hash, order.expiresAt);
    this.#open.add(hash);
    if (order.maxPrice > 0) this.#holds.hold(hash, account, order.maxPrice);
  }

  /** The request ended without a result; nothing is owed for it. */
  end(account: string, prompt: PromptMessage): void {
    const order = this.#orderOf(account, prompt);
    if (order !== undefined) this.#release(objectHash('order', order));
  }

  /** The scheduler restarted: nobody knows the open requests any more. */
  endAll(): void {
    for (const hash of this.#open) this.#release(hash);
  }

  /**
   * The request has a result. `ready` gets the receipt; undefined if there is none: no order, no ledger, or a disk that
   * does not answer in time.
   * @param isHeard whether the client is still connected. One that left after the first token owes an ack for what it
   * got.
   */
  give(
    account: string,
    prompt: PromptMessage,
    result: InferenceResultMessage,
    { responseMs, isHeard }: { readonly responseMs: number; readonly isHeard: boolean },
    ready: (receipt: Receipt | undefined) => void,
  ): void {
    const { ledger, clock, identity } = this.#options;
    const order = this.#orderOf(account, prompt);
    if (order === undefined) return ready(undefined);
    const hash = objectHash('order', order);
    const due = receiptOf(order, prompt.salt ?? '', result, { responseMs, finishedAt: Math.floor(clock.now()) });
    if (ledger === undefined || due?.success !== true) this.#release(hash);
    this.#open.delete(hash);
    this.#holds.finish(hash, clock.monotonicMs());
    const isLost = !isHeard && result.finishReason === 'cancelled';
    if (isLost && due?.success === true) this.#outstanding.add(hash, account, clock.monotonicMs());
    if (ledger === undefined || due === undefined || isLost) return ready(undefined);

    const make = () => {
      const receipt = signObject('receipt', due, identity);
      const claim = { kind: 'claim', hash: objectHash('receipt', receipt), claim: { order, receipt } } as const;
      return { object: receipt, beside: due.success ? [claim] : [] };
    };
    const once = this.#inTime(ready);
    ledger.sign('receipt', hash, make, (error, receipt) => {
      if (error !== undefined) this.#options.log.warn('receipt.not_kept', { error, order: hash });
      if (once(receipt) && receipt?.success === true)
        this.#outstanding.add(objectHash('receipt', receipt), account, clock.monotonicMs());
    });
  }

  /** @param made gets the completed claim, once it is on disk. */
  acknowledge(account: string, ack: Ack, made: (claim: Claim) => void): void {
    const { ledger, conduct, clock, log } = this.#options;
    ledger?.claim(ack.receipt, (_, open) => {
      if (open === undefined || open.ack !== undefined) return log.debug('ack.dropped', { receipt: ack.receipt });
      const problem = ackProblem(ack, open, clock.now());
      if (problem === 'forged') conduct.strike(account, 'bad_signature');
      if (problem !== undefined) return log.debug('ack.refused', { receipt: ack.receipt, problem });
      this.#outstanding.settle(ack.receipt); // even if the claim cannot be stored here: its client has done its part
      for (const look of [...(this.#awaited.get(open.order.client) ?? [])]) look();
      const claim = { ...open, ack };
      ledger.write([{ kind: 'claim', hash: ack.receipt, claim }], (error) => {
        if (error !== undefined) return log.warn('ack.not_kept', { error, receipt: ack.receipt });
        made(claim);
      });
    });
  }

  /**
   * Restores what an earlier process of this worker was still waiting for: acks, which are given up after a day, and
   * certificates. Those acks are not counted as owed, since a killed process may never have sent the results.
   */
  #resume(): void {
    const { ledger, clock, log, identity } = this.#options;
    ledger?.claims((error, claims = []) => {
      if (error !== undefined) return log.warn('ledger.unreadable', { error });
      const own = claims.filter(({ receipt }) => receipt.worker === identity.publicKeyHex);
      own.sort((a, b) => a.receipt.finishedAt - b.receipt.finishedAt);
      const over = [];
      for (const { order, receipt, ack } of own) {
        const ageMs = Math.max(0, clock.now() - receipt.finishedAt);
        if (order.maxPrice > 0) this.#holds.hold(receipt.order, receipt.client, order.maxPrice);
        this.#holds.finish(receipt.order, clock.monotonicMs() - ageMs);
        if (ack === undefined && ageMs > ackLifeMs)
          over.push({ kind: 'claim.closed', hash: objectHash('receipt', receipt) } as const);
      }
      if (over.length > 0) ledger.write(over, () => {});
    });
  }

  /** The order that counts. The owner pays nothing for its own worker. */
  #orderOf(account: string, { order }: PromptMessage): Order | undefined {
    return account === this.#options.identity.publicKeyHex ? undefined : order;
  }

  #standing(account: string, order: Order | undefined): Tier | undefined {
    this.#expire();
    return this.#options.standing(account, { maxPrice: order?.maxPrice ?? 0, held: this.#holds.heldFor(account) });
  }

  #uncovered(account: string, { maxPrice }: Order): Refusal {
    const balance = this.#options.ledger?.balanceOf(account) ?? 0;
    const free = points(Math.max(0, balance - this.#holds.heldFor(account)));
    const message = `order.maxPrice: it offers ${points(maxPrice)} points, and this account has ${free} to spend here.`;
    return { code: 'insufficient_credit', message };
  }

  #release(hash: string): void {
    this.#open.delete(hash);
    this.#holds.release(hash);
  }

  #expire(): void {
    const { clock, conduct } = this.#options;
    const now = clock.now();
    for (const [hash, expiresAt] of this.#used) {
      if (expiresAt > now) break; // roughly sorted by time: a later order with an earlier expiry is kept a little longer
      this.#used.delete(hash);
    }
    this.#holds.expire(clock.monotonicMs());
    for (const client of this.#outstanding.expire(clock.monotonicMs())) conduct.strike(client, 'unacknowledged_result');
  }

  /**
   * `ready` is called once: by the returned function, or after `receiptPatienceMs`. After that the function returns
   * false.
   */
  #inTime(ready: (receipt: Receipt | undefined) => void): (receipt: Receipt | undefined) => boolean {
    const { clock } = this.#options;
    let timer: TimerHandle;
    const settle = (receipt: Receipt | undefined): boolean => {
      if (timer === undefined) return false;
      clock.clearTimeout(timer);
      timer = undefined;
      this.#beingSigned--;
      ready(receipt);
      return true;
    };
    this.#beingSigned++;
    timer = clock.setTimeout(() => settle(undefined), receiptPatienceMs);
    return settle;
  }
}

function ackProblem(ack: Ack, { order, receipt }: OpenClaim, nowMs: number): 'forged' | 'late' | 'time' | undefined {
  if (ack.client !== order.client || !isGenuine('ack', ack)) return 'forged';
  if (nowMs - receipt.finishedAt > ackLifeMs) return 'late';
  return agreeOnResponse(ack.responseMs, receipt.responseMs) ? undefined : 'time';
}

const unacknowledged = (retryAfterMs: number): Refusal => ({
  code: 'insufficient_credit',
  message: 'This client owes acknowledgements of earlier results; send them, or come again later.',
  retryAfterMs: Math.ceil(retryAfterMs),
});

const points = (millipoints: number): string => String(millipoints / 1_000);
