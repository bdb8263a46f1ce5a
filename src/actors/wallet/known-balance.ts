/**
 * What the account of this home had when it was known last, in `balance.json`: for a program that asks one question and has no time to look
 * it up. Nothing follows from it for anybody else: a worker goes by its own ledger, and who offers more than it finds there asks on
 * as a guest.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { publicKey } from '../../protocol/schema.js';
import { isCode } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import { replaceFile } from '../../runtime/replace-file.js';
import type { Home } from '../home/home.js';

const schema = z.object({ account: publicKey, millipoints: z.number().int() });

export interface KnownBalance {
  /** Millipoints; undefined where nobody has known yet. */
  read(): number | undefined;
  write(millipoints: number): void;
}

export function balanceIn({ path }: Home, account: string, log: Logger): KnownBalance {
  const file = join(path, 'balance.json');
  const read = (): number | undefined => {
    try {
      const kept = schema.parse(JSON.parse(readFileSync(file, 'utf8')));
      return kept.account === account ? kept.millipoints : undefined;
    } catch (error) {
      if (!isCode(error, 'ENOENT')) log.debug('balance.unreadable', { file, error });
      return undefined;
    }
  };
  return {
    read,
    write(millipoints) {
      if (millipoints === read()) return;
      try {
        replaceFile(file, `${JSON.stringify({ account, millipoints })}\n`, { mode: 0o600 });
      } catch (error) {
        log.debug('balance.not_kept', { file, error });
      }
    },
  };
}
