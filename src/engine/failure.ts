/** Why a run or a load could not be done, in words for whoever asked: never a path, never a stack. */
import { messageOf } from '../runtime/errors.js';
import type { RunErrorCode } from './messages.js';

export class RunFailure extends Error {
  readonly code: RunErrorCode;

  constructor(code: RunErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const maxMessageCharacters = 300;

/** The first line of an error's message, folders cut off its paths. */
export function plainMessage(error: unknown): string {
  const [line = ''] = messageOf(error).split('\n');
  return line
    .replaceAll(/(?:[A-Za-z]:)?(?:[\\/][^\\/\s'"]+)*[\\/](?=[^\\/\s'"]+)/gu, '')
    .slice(0, maxMessageCharacters);
}
