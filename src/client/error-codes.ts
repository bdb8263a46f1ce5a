/**
 * Why a request has no answer: the client's own codes, beyond those of the wire (protocol/errors.ts), and what a user
 * can do about each of either kind. docs/errors.md is generated from this.
 */
import { maySucceedElsewhere } from '../machines/ask.js';
import { errorCodes, type ErrorCode } from '../protocol/errors.js';

export const clientErrorCodes = {
  no_worker: {
    meaning: 'No worker was found in time, or none that this request may go to.',
    next: 'Start one in another terminal: qmesh worker. In a private mesh, give both the same --bootstrap.',
  },
  worker_lost: {
    meaning: 'The connection to the worker broke, and no other worker could take over.',
    next: 'Ask again when a worker is there, or let this machine answer with --local.',
  },
  worker_silent: {
    meaning: 'The worker is connected but says nothing, and no other worker could take over.',
    next: 'Ask again when the worker is back, start another one, or let this machine answer with --local.',
  },
  worker_stalled: {
    meaning: 'The worker responds but makes no progress with the request, and no other worker could take over.',
    next: 'Ask again, or start another worker.',
  },
  bad_answer: {
    meaning: 'The worker contradicted itself or made no sense, and no other worker could take over.',
    next: 'Ask another worker; --pin chooses one.',
  },
  local_failed: {
    meaning: 'The model on this disk that should have answered cannot be run.',
    next: 'See which models are on this disk: qmesh models list.',
  },
  client_closed: {
    meaning: 'The client was closed before the answer was complete.',
    next: 'Keep the client open until the answer is there.',
  },
  too_many_requests: {
    meaning: 'This client already has as many unfinished requests as it is allowed.',
    next: 'Wait for some of them to end, or use another client.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly next: string }>;

export type ClientErrorCode = keyof typeof clientErrorCodes;

/** What to do about wire codes, if anything can be done. */
const wireAdvice: Readonly<Partial<Record<ErrorCode, string>>> = {
  bad_request: 'Correct what the message names.',
  unsupported_version: 'Update the older of the two programs.',
  model_not_found: 'Leave out --model to use whatever is served, or start a worker with that model.',
  prompt_too_long: 'Shorten the prompt, or ask a worker with a longer context.',
  queue_full: 'Ask again in a while; another worker in the mesh would help.',
  overloaded: 'Ask again in a while; another worker in the mesh would help.',
  rate_limited: 'Ask again in a minute. A worker does not limit its owner: if it is yours, ask with its home.',
  work_required: 'Ask again later, when its machine is less busy.',
  insufficient_credit: 'Offer less, or earn points by running a worker.',
  banned: 'Ask another worker, or wait until the ban is over.',
  deadline_exceeded: 'Give it more time with --timeout.',
  shutting_down: 'Ask again: another worker, or this one when it is back.',
};

const anyAdvice = 'Ask again; the log of the worker may have the cause.';

/** @param code of a RequestError. */
export const adviceFor = (code: string): string =>
  wireAdvice[code as ErrorCode] ??
  (clientErrorCodes as Readonly<Record<string, { next: string }>>)[code]?.next ??
  anyAdvice;

export interface ErrorRow {
  readonly code: string;
  readonly meaning: string;
  readonly next: string;
  /** Whether the client tries another worker by itself. */
  readonly isRetried: boolean;
}

/** Every code of a RequestError, for the generated reference. */
export const requestErrors = (): readonly ErrorRow[] => [
  ...Object.entries(errorCodes).map(([code, { meaning, retryable }]) => ({
    code,
    meaning,
    next: adviceFor(code),
    isRetried: maySucceedElsewhere({ code, message: '', retryable }),
  })),
  ...Object.entries(clientErrorCodes).map(([code, { meaning, next }]) => ({ code, meaning, next, isRetried: false })),
];
