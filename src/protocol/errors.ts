/**
 * The codes an `inference_error` can carry: one registry, from which the table in docs/protocol.md is compared by a test.
 * `retryable` means: another worker may well do it, so the client goes there.
 */
import { limits } from './limits.js';

export interface ErrorCodeInfo {
  /** What happened, as a user would be told. */
  readonly meaning: string;
  readonly retryable: boolean;
  /** What comes with it besides code and message. */
  readonly carries?: 'retryAfterMs' | 'work';
}

export const errorCodes = {
  bad_request: {
    meaning:
      'The prompt does not fit its schema, or contradicts itself or an earlier one. The message names the field.',
    retryable: false,
  },
  unsupported_version: {
    meaning: 'The prompt speaks another version of the protocol than this worker.',
    retryable: false,
  },
  model_not_found: { meaning: 'This worker does not serve the model asked for.', retryable: true },
  prompt_too_long: {
    meaning: "The prompt is longer than the model's context. The message gives both numbers of tokens.",
    retryable: false,
  },
  queue_full: {
    meaning: 'The queue is full, or a higher tier took the place.',
    retryable: true,
    carries: 'retryAfterMs',
  },
  overloaded: {
    meaning: 'The machine is needed by its owner, and takes no new requests.',
    retryable: true,
    carries: 'retryAfterMs',
  },
  rate_limited: {
    meaning: 'Too many requests of this client, a minute or unfinished at once.',
    retryable: false,
    carries: 'retryAfterMs',
  },
  work_required: {
    meaning: 'Ask again with a proof of work on the challenge that comes with this.',
    retryable: false,
    carries: 'work',
  },
  insufficient_credit: {
    meaning: 'The balance does not cover what the order offers, or results wait to be acknowledged.',
    retryable: false,
  },
  banned: { meaning: 'This worker refuses this client for now.', retryable: false, carries: 'retryAfterMs' },
  deadline_exceeded: { meaning: "The request's own deadline passed before it could be answered.", retryable: false },
  slot_failed: { meaning: 'The engine failed under the request, and so did the one retry.', retryable: true },
  shutting_down: { meaning: 'The worker is being stopped, and gives the request back.', retryable: true },
  internal: { meaning: 'Something failed inside the worker. Its log has the cause.', retryable: true },
} as const satisfies Record<string, ErrorCodeInfo>;

export type ErrorCode = keyof typeof errorCodes;

export interface InferenceErrorDetails {
  readonly id: string;
  readonly code: ErrorCode;
  /** One line for a person: what, why, what next. Never a path, a stack, or another client's data. */
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly work?: { readonly challenge: string; readonly bits: number };
}

/**
 * The frame that ends a request in an error. `retryable` follows from the code; a message of any length is made to fit, and one that
 * repeats what the client has said is made one line.
 */
export function inferenceError(details: InferenceErrorDetails) {
  const message = details.message.replace(/\p{Cc}+/gu, ' ').slice(0, limits.maxErrorMessageChars);
  return { v: 2, type: 'inference_error', ...details, message, retryable: errorCodes[details.code].retryable } as const;
}
