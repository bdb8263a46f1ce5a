/** What a program asked, in the mesh's words; and the checks that every way to ask ends with. */
import type { AskRequest } from '../client/client.js';
import { limits } from '../protocol/limits.js';
import { ApiError } from './api-error.js';

export interface Asked {
  /** One for each choice, those of one prompt together. */
  readonly requests: readonly AskRequest[];
  /** Choices of each prompt. */
  readonly n: number;
  readonly model: string | undefined;
  readonly isStreamed: boolean;
  readonly includeUsage: boolean;
  /** The answer is to be a call of a tool, written as JSON. */
  readonly isCall: boolean;
  /** Of those that the model makes, told to the program. */
  readonly maxCalls: number;
  /** The program's name for a field of the mesh's request. */
  readonly rename: (field: string) => string;
}

/** A frame holds some bytes besides the request. */
const maxRequestBytes = limits.maxFrameBytes - 1_024;

/**
 * A worker ends the connection of whoever sends it more than a frame holds, or nests deeper, and remembers it: a program's mistake
 * must not become this server's.
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

/** Level by level, as a deep one would overflow the stack. */
function nestsWithin(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth < levels; depth++) {
    level = level.flatMap((each): unknown[] => (typeof each === 'object' && each !== null ? Object.values(each) : []));
    if (level.length === 0) return true;
  }
  return !level.some((each) => typeof each === 'object' && each !== null);
}
