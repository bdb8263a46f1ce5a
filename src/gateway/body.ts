/** Reads request bodies, and reports everything that can be wrong with one before its content is looked at. */
import type { FastifyInstance } from 'fastify';
import { limits } from '../protocol/limits.js';
import { ApiError } from './api-error.js';

/** A longer body would not fit into a frame of the mesh. */
export const maxBodyBytes = limits.maxFrameBytes;

/** Accepts only JSON in UTF-8. In particular no forms, which any web page can send without asking. */
export function parseJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const coding = request.headers['content-encoding'] ?? 'identity';
    if (coding !== 'identity') {
      done(new ApiError(415, `The body is encoded as ${coding}; send it as it is.`, { code: 'invalid_request' }));
      return;
    }
    let text: string;
    try {
      text = utf8.decode(body as Buffer);
    } catch {
      done(new ApiError(400, 'The body is not UTF-8.', { code: 'invalid_json' }));
      return;
    }
    void parse(request, text, (error, value: unknown) => {
      done(error === null ? null : (prototypeKeyIn(text) ?? error), value);
    });
  });
}

/**
 * Names the key that could change an object's prototype, if there is one. It is refused rather than removed: without it,
 * the request would not be the one that was made.
 */
function prototypeKeyIn(text: string): ApiError | undefined {
  let level: readonly Field[];
  try {
    level = fieldsOf({ at: '', key: '', value: JSON.parse(text) as unknown });
  } catch {
    return undefined;
  }
  // Level by level: recursion would overflow the stack on deep input. What nests deeper is refused anyway.
  for (let depth = 0; depth < limits.maxNestingDepth; depth++) {
    const param = level.find(isPrototypeKey)?.at.slice(0, limits.maxNameChars);
    if (param !== undefined)
      return new ApiError(400, `${param}: this name is not accepted in a body; leave it out.`, {
        param,
        code: 'invalid_value',
      });
    level = level.flatMap(fieldsOf);
  }
  return undefined;
}

interface Field {
  /** `messages[0].content` */
  readonly at: string;
  readonly key: string;
  readonly value: unknown;
}

function fieldsOf({ at, value }: Field): Field[] {
  if (typeof value !== 'object' || value === null) return [];
  const path = (key: string): string => (Array.isArray(value) ? `${at}[${key}]` : at === '' ? key : `${at}.${key}`);
  return Object.entries(value).map(([key, inner]) => ({ at: path(key), key, value: inner as unknown }));
}

/** As Fastify's parser has it. */
const isPrototypeKey = ({ key, value }: Field): boolean =>
  key === '__proto__' ||
  (key === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype'));

/** Fastify's errors in plain words. */
const problems: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: `The body is larger than ${maxBodyBytes} bytes, the most that workers read; shorten it.`,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'The body must be JSON; send it with Content-Type: application/json.',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty; it must be a JSON object.',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON.',
};

const codes: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'request_too_large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
};

/** Undefined if the fault is this server's own. */
export function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  const {
    statusCode = 500,
    code = '',
    message = '',
  } = error as { statusCode?: number; code?: string; message?: string };
  if (statusCode >= 500) return undefined;
  return new ApiError(statusCode, problems[code] ?? message, { code: codes[code] ?? 'invalid_request' });
}
