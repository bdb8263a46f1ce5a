/**
 * Bans and strikes on disk: `conduct.json` in the home. It is replaced as a whole, so a crash leaves either the old
 * file or the new one. An unreadable file is moved aside and reported: the worker still starts, and nothing is lost.
 */
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { publicKey } from '../../protocol/schema.js';
import type { Standing } from '../../rules/strikes.js';
import type { Clock } from '../../runtime/clock.js';
import { isCode, messageOf } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import { replaceFile } from '../../runtime/replace-file.js';

type Standings = readonly (readonly [account: string, standing: Standing])[];

export interface ConductStore {
  /** Never throws. */
  load(): Standings;
  /** Never throws. What could not be written is written the next time. */
  save(standings: Standings): void;
}

/** Keeps nothing: what clients did is forgotten when the process ends. */
export const noConductStore: ConductStore = { load: () => [], save: () => {} };

const amount = z.number().min(0);
const schema = z.object({
  version: z.literal(1),
  standings: z.array(
    z.tuple([publicKey, z.object({ strikes: amount, atMs: amount, bans: z.int().min(0), bannedUntilMs: amount })]),
  ),
});

export function conductFile(home: string, clock: Clock, log: Logger): ConductStore {
  const file = join(home, 'conduct.json');
  const putAside = (why: string): void => {
    const movedTo = `${file}.damaged-${clock.now()}`;
    const note = `this file of bans is damaged (${why}), and the bans in it are not in force`;
    try {
      renameSync(file, movedTo);
      log.warn('conduct.damaged', { file, movedTo, message: `${note}; it was moved to ${movedTo}` });
    } catch (error) {
      log.warn('conduct.damaged', { file, error, message: `${note}; it could not be moved aside` });
    }
  };
  return {
    load() {
      try {
        return schema.parse(JSON.parse(readFileSync(file, 'utf8'))).standings;
      } catch (error) {
        if (!isCode(error, 'ENOENT')) putAside(error instanceof SyntaxError ? 'it is not JSON' : 'unexpected content');
        return [];
      }
    },
    save(standings) {
      try {
        replaceFile(file, `${JSON.stringify({ version: 1, standings })}\n`, { mode: 0o600 });
      } catch (error) {
        log.warn('conduct.unsaved', { file, message: messageOf(error) });
      }
    },
  };
}
