/**
 * What a worker writes into a receipt, and what a client checks before it acks one. Both derive it from the same result, so an honest
 * client never refuses an honest worker unless they measured the time too differently.
 */
import type { InferenceResultMessage } from '../protocol/messages.js';
import { textFacts } from '../protocol/salted-hash.js';
import { isGenuine, objectHash, type Order, type Receipt, type Unsigned } from '../protocol/signed-objects.js';
import { agreeOnResponse } from './claim.js';
import { scoreOf } from './points.js';

/** How long after the result an ack is accepted, on any connection. */
export const ackLifeMs = 86_400_000;

/** A request that was cancelled before its first token is no success. */
export const isSuccess = ({ finishReason, usage }: InferenceResultMessage): boolean =>
  finishReason !== 'cancelled' || usage.completionTokens > 0;

/** The part that follows from the result. Undefined if its text has no hash. */
function factsOf(order: Order, salt: string, result: InferenceResultMessage) {
  const text = textFacts(result.text, salt);
  return (
    text && {
      order: objectHash('order', order),
      worker: order.worker,
      client: order.client,
      model: result.model.sha256,
      resultHash: text.hash,
      resultChars: text.chars,
      promptTokens: result.usage.promptTokens,
      completionTokens: result.usage.completionTokens,
      success: isSuccess(result),
    }
  );
}

/** Undefined if the text has no hash. @param finishedAt Unix milliseconds */
export function receiptOf(
  order: Order,
  salt: string,
  result: InferenceResultMessage,
  { responseMs, finishedAt }: { readonly responseMs: number; readonly finishedAt: number },
): Unsigned<'receipt'> | undefined {
  const facts = factsOf(order, salt, result);
  if (facts === undefined) return undefined;
  return { ...facts, ...scoreOf({ promptChars: order.promptChars, responseMs, ...facts }), responseMs, finishedAt };
}

/** Why a client does not acknowledge it; undefined if it does. @param responseMs as the client measured it */
export function receiptProblem(
  receipt: Receipt,
  asked: {
    readonly order: Order;
    readonly salt: string;
    readonly result: InferenceResultMessage;
    readonly responseMs: number;
  },
): string | undefined {
  const { order, salt, result, responseMs } = asked;
  const due = receiptOf(order, salt, result, receipt);
  if (due === undefined) return 'the text has no hash';
  for (const [field, value] of Object.entries(due))
    if (receipt[field as keyof Receipt] !== value) return `${field} is not what was received`;
  if (!agreeOnResponse(responseMs, receipt.responseMs)) return 'responseMs is not what was measured here';
  return isGenuine('receipt', receipt) ? undefined : 'the worker did not sign it';
}
