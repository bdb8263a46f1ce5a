/**
 * What the account of this home had when it was known last, in `balance.json`: for a program that asks one question and has no time to look
 * it up. Nothing follows from it for anybody else: a worker goes by its own ledger, and who offers more than it finds there asks on
 * as a guest.
 *
 * A new account has nothing, and that is known. Nothing is known of one that was brought here from another home.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { publicKey } from '../../protocol/schema.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import { isCode } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import { replaceFile } from '../../runtime/replace-file.js';
import type { Home } from '../home/home.js';
import type { Ledger } from '../scores/ledger.js';

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

/** Receipts come in bursts, and are written down together. */
const keepMs = 1_000;

/** Keeps it in step with the ledger of a running worker, so that it is there even if that is killed. @returns what ends that. */
export function keepInStep(known: KnownBalance, account: string, ledger: Ledger, clock: Clock): () => void {
  let timer: TimerHandle;
  const write = (): void => {
    timer = undefined;
    known.write(ledger.balanceOf(account));
  };
  write();
  const stopListening = ledger.onCertified(({ worker, client }) => {
    if (worker === account || client === account) timer ??= clock.setTimeout(write, keepMs);
  });
  return () => {
    stopListening();
    clock.clearTimeout(timer);
    write();
  };
}
