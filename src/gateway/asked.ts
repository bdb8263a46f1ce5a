/** A program's request in the mesh's terms, and the checks that all endpoints share. */
import type { AskRequest } from '../client/client.js';
import { limits } from '../protocol/limits.js';
import { ApiError } from './api-error.js';

export interface Asked {
  /** One per choice; the choices of one prompt are adjacent. */
  readonly requests: readonly AskRequest[];
  /** Choices of each prompt. */
  readonly n: number;
  readonly model: string | undefined;
  readonly isStreamed: boolean;
  readonly includeUsage: boolean;
  /** The answer must be a tool call, written as JSON. */
  readonly isCall: boolean;
  /** Tool calls that are passed on to the program. */
  readonly maxCalls: number;
  /** The program's name for a field of the mesh's request. */
  readonly rename: (field: string) => string;
}

/** A frame holds some bytes besides the request. */
const maxRequestBytes = limits.maxFrameBytes - 1_024;

/**
 * A worker closes the connection, and records a strike, if a frame is too large or nested too deeply. Refusing it here
 * keeps one program's mistake from costing this server its connection.
 *
 * @throws ApiError
 */
export function assertFits(request: AskRequest): void {
  if (!nestsWithin(request, limits.maxNestingDepth))
    throw new ApiError(
      400,
      `The request is nested deeper than ${limits.maxNestingDepth} levels, which workers refuse.`,
      {
        code: 'invalid_value',
      },
    );
  const bytes = Buffer.byteLength(JSON.stringify(request));
  if (bytes > maxRequestBytes)
    throw new ApiError(
      413,
      `The request has ${bytes} bytes, and workers read at most ${maxRequestBytes}; shorten it.`,
      {
        code: 'request_too_large',
      },
    );
}

/** Level by level: recursion would overflow the stack on deep input. */
function nestsWithin(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth < levels; depth++) {
    level = level.flatMap((each): unknown[] => (typeof each === 'object' && each !== null ? Object.values(each) : []));
    if (level.length === 0) return true;
  }
  return !level.some((each) => typeof each === 'object' && each !== null);
}
