/**
 * What the owner of this worker said last, kept in the home: who pauses a worker and restarts the machine expects it to be
 * paused. Lives outside the actors. Where it cannot be written it counts as long as the worker runs, and the log says so.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { OwnerWord } from '../../rules/duty.js';
import { isCode } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import { replaceFile } from '../../runtime/replace-file.js';
import type { Home } from './home.js';

export interface OwnerWordStore {
  get(): OwnerWord | undefined;
  /** `undefined`: nothing said counts any more. */
  set(word: OwnerWord | undefined): void;
}

const schema = z.object({ says: z.enum(['pause', 'work']), untilMs: z.number().exactOptional() });

export function ownerWordIn(home: Home, log: Logger): OwnerWordStore {
  const file = join(home.path, 'owner-word.json');
  let kept = read(file, log);
  return {
    get: () => kept,
    set(word) {
      kept = word;
      try {
        write(file, word);
      } catch (error) {
        log.warn('duty.not_kept', {
          error,
          note: 'What you said counts until this worker stops: its home cannot be written.',
        });
      }
    },
  };
}

/** In memory alone. */
export function ownerWordInMemory(): OwnerWordStore {
  let kept: OwnerWord | undefined;
  return { get: () => kept, set: (word) => void (kept = word) };
}

function read(file: string, log: Logger): OwnerWord | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (!isCode(error, 'ENOENT')) log.warn('duty.unreadable', { error, note: 'It counts as if nothing was said.' });
    return undefined;
  }
}

function write(file: string, word: OwnerWord | undefined): void {
  if (word === undefined) rmSync(file, { force: true });
  else replaceFile(file, `${JSON.stringify(word)}\n`, { mode: 0o600 });
}
