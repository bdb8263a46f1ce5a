/**
 * The checks of a claim that need nothing but the claim: the signatures, that the three objects belong to one request, and that the
 * points follow from the facts. They cost three signature checks and may run on another thread. What depends on the time and on what
 * this node has seen is in `rules/attestation.ts`.
 *
 * A claim that fails here never counts, whoever attests it.
 */
import { limits } from '../protocol/limits.js';
import { isGenuine, signedForm, type Claim, type SignedForm } from '../protocol/signed-objects.js';
import { entryOf, type LedgerEntry } from './ledger.js';
import { scoreOf } from './points.js';
import type { Fault } from './verdicts.js';

/** More tokens than this per millisecond are implausible. */
export const maxTokensPerMs = 2;

/** What follows from a sound claim. */
export interface ClaimFacts {
  readonly entry: LedgerEntry;
  /** When the order was made, by the client's clock. */
  readonly orderedAt: number;
}

export type Examination =
  { readonly kind: 'sound'; readonly facts: ClaimFacts } | { readonly kind: 'unsound'; readonly fault: Fault };

/** @param network the inference topic of this node's mesh. The cheap checks come first. */
export function examine(claim: Claim, network: string): Examination {
  const { order, receipt } = claim;
  const forms = { order: signedForm('order', order), receipt: signedForm('receipt', receipt) };
  const fault = faultOf(claim, network, forms);
  if (fault !== undefined) return { kind: 'unsound', fault };
  return { kind: 'sound', facts: { entry: entryOf(forms.receipt.hash, order, receipt), orderedAt: order.at } };
}

function faultOf(
  claim: Claim,
  network: string,
  forms: { readonly order: SignedForm; readonly receipt: SignedForm },
): Fault | undefined {
  const { order, receipt, ack } = claim;
  const isOneRequest =
    receipt.order === forms.order.hash &&
    ack.receipt === forms.receipt.hash &&
    receipt.worker === order.worker &&
    receipt.client === order.client &&
    ack.client === order.client;
  if (!isOneRequest) return 'mismatch';
  if (order.network !== network) return 'wrong_network';
  if (order.client === order.worker) return 'same_account';
  if (!areGoodOrderTimes(order)) return 'bad_order_times';
  const { promptChars } = order;
  const { resultChars, responseMs, success } = receipt;
  const due = scoreOf({ promptChars, resultChars, responseMs, success });
  const { speed, complexity, quality, score } = receipt;
  if (speed !== due.speed || complexity !== due.complexity || quality !== due.quality || score !== due.score)
    return 'wrong_score';
  if (receipt.completionTokens > maxTokensPerMs * Math.max(1, responseMs)) return 'implausible';
  if (!agreeOnResponse(ack.responseMs, responseMs)) return 'response_time';
  const isSigned = forms.order.isGenuine() && forms.receipt.isGenuine() && isGenuine('ack', ack);
  return isSigned ? undefined : 'bad_signature';
}

/** A worker checks the same before it begins. */
export function areGoodOrderTimes({ at, expiresAt }: { readonly at: number; readonly expiresAt: number }): boolean {
  return expiresAt >= at && expiresAt - at <= limits.maxOrderLifeMs;
}

/**
 * Whether client and worker can have measured the same request: they may differ by a fifth of the longer time and a quarter
 * of a second. A client asks this before it acks, every validator afterwards.
 *
 * In docs/ledger.md it is 5 * |difference| <= 1250 + the longer time. Both sides of that may pass 2^53, where sums of floats
 * are rounded and one of whole numbers in another language is not; the form here is exact for all whole numbers below it.
 */
export function agreeOnResponse(clientMs: number, workerMs: number): boolean {
  return Math.abs(clientMs - workerMs) <= 250 + Math.floor(Math.max(clientMs, workerMs) / 5);
}
