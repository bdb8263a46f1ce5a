/**
 * Whether a worker may accept an order: the checks before it begins, in the order of docs/ledger.md. That an order is used once and is
 * covered is checked in `actors/worker/desk.ts`.
 */
import type { PromptMessage } from '../protocol/messages.js';
import { promptFacts } from '../protocol/salted-hash.js';
import { isGenuine, type Order } from '../protocol/signed-objects.js';
import { clockSkewMs } from './attestation.js';
import { areGoodOrderTimes } from './claim.js';

export interface OrderView {
  /** The inference topic of this mesh. */
  readonly network: string;
  /** Who asks, as the connection proves it. */
  readonly account: string;
  /** This worker. */
  readonly worker: string;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

export interface OrderProblem {
  /** Begins with the field. */
  readonly message: string;
  /** No honest client sends this by mistake. */
  readonly isForged: boolean;
}

/** What is wrong with the order of this prompt; undefined if nothing is. The signature comes last, because it costs most to check. */
export function orderProblem(order: Order, prompt: PromptMessage, view: OrderView): OrderProblem | undefined {
  const message = faultOf(order, prompt, view);
  if (message !== undefined) return { message, isForged: false };
  if (isGenuine('order', order)) return undefined;
  return { message: 'order.signature: this is not the signature of its client', isForged: true };
}

function faultOf(order: Order, prompt: PromptMessage, { network, account, worker, nowMs }: OrderView) {
  if (order.network !== network) return `order.network: this mesh is ${network}`;
  if (order.client !== account) return 'order.client: this is not the account of the connection';
  if (order.worker !== worker) return 'order.worker: this is another worker';
  if (order.id !== prompt.id) return 'order.id: this is not the id of the request';
  if (prompt.salt === undefined) return 'salt: must be given with an order';
  const facts = promptFacts(prompt, prompt.salt);
  if (facts === undefined) return 'prompt: half of a surrogate pair has no hash';
  if (order.promptHash !== facts.hash) return 'order.promptHash: this is not the hash of the salt and the prompt';
  if (order.promptChars !== facts.chars) return `order.promptChars: the prompt has ${facts.chars} code points`;
  if (!areGoodOrderTimes(order)) return 'order.expiresAt: must be at most 10 minutes after order.at';
  if (order.at > nowMs + clockSkewMs)
    return 'order.at: lies in the future: the clocks of this client and this worker differ';
  if (order.expiresAt <= nowMs)
    return 'order.expiresAt: the order has expired; unless it is old, the clocks of this client and this worker differ';
  return undefined;
}
