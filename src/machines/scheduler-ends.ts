/** How requests end at this worker: every kind of end, and when it applies. Pure; the actor tells the clients. */
import type { ErrorCode } from '../protocol/errors.js';
import type { PromptMessage } from '../protocol/messages.js';
import { meanResponseMs, type Refusal } from '../rules/admission.js';
import type { RequestOutcome } from './request.machine.js';
import type { RunUsage } from './run.js';
import { mayRunAgain } from './scheduler-blame.js';
import { resumeTextOf, type RequestRecord, type Running, type SchedulerContext } from './scheduler.js';

export type RequestEnd =
  | { readonly kind: 'result'; readonly usage: RunUsage }
  | ({ readonly kind: 'error' } & Pick<Refusal, 'code' | 'message' | 'retryAfterMs'>);

const errorEnd = (code: ErrorCode, message: string) => ({ kind: 'error', code, message }) as const satisfies RequestEnd;

/** For requests that a worker hands back while stopping. */
export const shuttingDown = errorEnd('shutting_down', 'This worker is being stopped; ask another one.');

/** For requests that wait for a model that will not come back. */
export const modelGone = errorEnd('slot_failed', 'The engine of this model failed, and was given up.');

/** For requests whose deadline passed in the queue. */
export const expiredInQueue = errorEnd('deadline_exceeded', 'The deadline of the request passed in the queue.');

/** For a request whose place in a full queue was taken by a higher tier. */
export const displacedEnd = (means: Pick<SchedulerContext, 'avgResponseMs'>): RequestEnd => ({
  ...errorEnd('queue_full', 'A request of a higher tier took the place in the queue; try later or elsewhere.'),
  retryAfterMs: meanResponseMs(means),
});

/**
 * Why this worker currently accepts nothing from this client, whatever it asks; undefined if it does accept requests.
 */
export function closedFor(
  { draining, offDuty }: Pick<SchedulerContext, 'draining' | 'offDuty'>,
  isOwner: boolean,
): Refusal | undefined {
  if (draining) return { code: shuttingDown.code, message: shuttingDown.message };
  return offDuty === undefined || isOwner ? undefined : { code: 'shutting_down', message: offDuty };
}

/** Refusal of a known id that comes with a different prompt. */
export const otherPrompt = 'order.promptHash: this id was asked with another prompt';

/** Why an unfinished request cannot be handed over to the connection that repeated it; undefined if it can. */
export function repeatProblem(
  context: SchedulerContext,
  record: RequestRecord,
  asked: { readonly peer: string; readonly prompt: PromptMessage },
): string | undefined {
  if (context.contradicts(record.account, record.prompt.order?.promptHash, asked.prompt)) return otherPrompt;
  if (!context.isNewer(asked.peer, record.peer)) return 'id: a request with this id is not finished yet';
  if (context.canMove(record.key, resumeTextOf(asked.prompt))) return undefined;
  return 'resume.text: this is not what the unfinished request with this id has said';
}

/** The end of a request, with the times stated in its result. */
export function finished(record: RequestRecord, end: RequestEnd, nowMs: number) {
  return {
    record,
    end,
    queuedMs: (record.startedAtMs ?? nowMs) - record.arrivedAtMs,
    totalMs: nowMs - record.arrivedAtMs,
  };
}

/**
 * How a request ends. `again` if it lost its slot for the first time, or if its run was cancelled for a client that has
 * since returned.
 */
export function settle(running: Running, outcome: RequestOutcome, promptTokens: number): RequestEnd | 'again' {
  const { record } = running;
  switch (outcome.kind) {
    case 'scored':
      return { kind: 'result', usage: outcome.usage };
    case 'cancelled':
      return record.cancelled ? { kind: 'result', usage: outcome.usage } : 'again';
    case 'failed':
      return { kind: 'error', ...outcome.failure };
    case 'expired':
      return errorEnd('deadline_exceeded', 'The deadline of the request passed while it was answered.');
    case 'lost':
      if (record.cancelled) return cancelledBeforeItsEnd(promptTokens);
      return mayRunAgain(running) ? 'again' : errorEnd('slot_failed', 'The engine died twice under this request.');
  }
}

/**
 * The end of a request that was cancelled when no run could report it. Tokens already sent are counted where they were
 * sent.
 */
export const cancelledBeforeItsEnd = (promptTokens: number): RequestEnd => ({
  kind: 'result',
  usage: { finishReason: 'cancelled', promptTokens, completionTokens: 0 },
});
