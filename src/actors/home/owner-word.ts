/**
 * The owner's last command to this worker, kept in the home: someone who pauses a worker and restarts the machine
 * expects it to stay paused. Lives outside the actors. If it cannot be written, it applies until the worker stops, and
 * the log says so.
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
  /** `undefined`: no command applies any more. */
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

/** Kept only in memory. */
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
