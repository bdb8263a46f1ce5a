/**
 * The codes an `inference_error` can carry. A test compares the table in docs/protocol.md with this registry.
 * `retryable` means that another worker may well succeed, so the client tries one.
 */
import { limits } from './limits.js';

export interface ErrorCodeInfo {
  /** What happened, in words for a user. */
  readonly meaning: string;
  readonly retryable: boolean;
  /** What the error carries besides code and message. */
  readonly carries?: 'retryAfterMs' | 'work';
}

export const errorCodes = {
  bad_request: {
    meaning:
      'The prompt does not fit its schema, or contradicts itself or an earlier one. The message names the field.',
    retryable: false,
  },
  unsupported_version: {
    meaning: 'The prompt uses a different protocol version than this worker.',
    retryable: false,
  },
  model_not_found: { meaning: 'This worker does not serve the model asked for.', retryable: true },
  prompt_too_long: {
    meaning: "The prompt is longer than the model's context. The message gives both token counts.",
    retryable: false,
  },
  queue_full: {
    meaning: 'The queue is full, or a request of a higher tier took the place.',
    retryable: true,
    carries: 'retryAfterMs',
  },
  overloaded: {
    meaning: 'The owner needs the machine, so the worker takes no new requests.',
    retryable: true,
    carries: 'retryAfterMs',
  },
  rate_limited: {
    meaning: 'Too many requests from this client, per minute or unfinished at once.',
    retryable: false,
    carries: 'retryAfterMs',
  },
  work_required: {
    meaning: 'Ask again with a proof of work for the challenge in this error.',
    retryable: false,
    carries: 'work',
  },
  insufficient_credit: {
    meaning: 'The balance does not cover what the order offers, or too many results are unacknowledged.',
    retryable: false,
  },
  banned: { meaning: 'This worker refuses this client for now.', retryable: false, carries: 'retryAfterMs' },
  deadline_exceeded: { meaning: "The request's own deadline passed before it could be answered.", retryable: false },
  slot_failed: { meaning: 'The engine failed while running the request, and again on its one retry.', retryable: true },
  shutting_down: { meaning: 'The worker is stopping or off duty, and hands the request back.', retryable: true },
  internal: { meaning: 'Something failed inside the worker; its log has the cause.', retryable: true },
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
 * The frame that ends a request with an error. `retryable` follows from the code. The message is cut to fit and reduced to
 * one line, since it may quote the client.
 */
export function inferenceError(details: InferenceErrorDetails) {
  const message = details.message.replace(/\p{Cc}+/gu, ' ').slice(0, limits.maxErrorMessageChars);
  return { v: 2, type: 'inference_error', ...details, message, retryable: errorCodes[details.code].retryable } as const;
}
