/**
 * Errors as a program sees them: in OpenAI's format, with the status that its library acts on. The table below maps
 * every error code of the mesh to a status; a new code does not compile until it has one.
 */
import type { RequestError } from '../client/answer-stream.js';
import type { ClientErrorCode } from '../client/error-codes.js';
import type { ErrorCode } from '../protocol/errors.js';

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    /** The parameter at fault: `messages[0].content`. */
    readonly param: string | null;
    readonly code: string | null;
  };
}

interface Details {
  readonly code?: string | undefined;
  readonly param?: string | undefined;
  /** When to retry. */
  readonly retryAfterMs?: number | undefined;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly status: number,
    message: string,
    { code, param, retryAfterMs }: Details = {},
  ) {
    super(message);
    this.code = code;
    this.param = param;
    this.retryAfterMs = retryAfterMs;
  }

  get body(): ErrorBody {
    const { message, status, param = null, code = null } = this;
    return { error: { message, type: typeOf(status), param, code } };
  }

  /** Whole seconds, as HTTP requires. */
  get headers(): Readonly<Record<string, string>> {
    return this.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(this.retryAfterMs / 1_000)) };
  }
}

export const badParameter = (param: string, why: string): ApiError =>
  new ApiError(400, `${param}: ${why}`, { param, code: 'invalid_value' });

/** `param` does not exist or asks for something the mesh cannot do. */
export const unsupportedParameter = (param: string, why: string): ApiError =>
  new ApiError(400, `${param}: ${why}`, { param, code: 'unsupported_parameter' });

export const isClosing = (): ApiError =>
  new ApiError(503, 'This server is shutting down; try again when it is back.', { code: 'shutting_down' });

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  if (status >= 500) return 'server_error';
  return status === 403 ? 'permission_error' : 'invalid_request_error';
}

/** OpenAI's own libraries retry on 408, 409, 429 and 5xx only. */
const statuses: Readonly<Record<ErrorCode | ClientErrorCode, number>> = {
  bad_request: 400,
  prompt_too_long: 400,
  insufficient_credit: 402,
  banned: 403,
  model_not_found: 404,
  queue_full: 429,
  overloaded: 429,
  rate_limited: 429,
  work_required: 429,
  too_many_requests: 429,
  unsupported_version: 502,
  slot_failed: 502,
  internal: 502,
  worker_lost: 502,
  worker_silent: 502,
  worker_stalled: 502,
  bad_answer: 502,
  local_failed: 503,
  no_worker: 503,
  shutting_down: 503,
  client_closed: 503,
  deadline_exceeded: 504,
};

/** Codes for which OpenAI has its own name, which programs check for. */
const openAiCodes: Readonly<Record<string, string>> = {
  bad_request: 'invalid_value',
  prompt_too_long: 'context_length_exceeded',
  rate_limited: 'rate_limit_exceeded',
};

/** For refusals that do not say when to retry. */
const retryMs = 2_000;

/** @param rename maps a field of the mesh's request to the program's name for it. */
export function fromMesh(error: RequestError, rename: (field: string) => string = (field) => field): ApiError {
  const { code, message, retryAfterMs } = error;
  const status = (statuses as Readonly<Record<string, number | undefined>>)[code] ?? 502;
  const isBusy = status === 429 || status === 503;
  const details = {
    code: openAiCodes[code] ?? code,
    retryAfterMs: isBusy ? (retryAfterMs ?? retryMs) : undefined,
  };
  if (code !== 'bad_request') return new ApiError(status, message, { ...details, param: params[code] });
  const field = /^[\w.[\]$-]+(?=: )/.exec(message)?.[0];
  if (field === undefined) return new ApiError(status, message, details);
  const param = rename(field);
  return new ApiError(status, `${param}${message.slice(field.length)}`, { ...details, param });
}

const params: Readonly<Record<string, string>> = { model_not_found: 'model', prompt_too_long: 'messages' };
