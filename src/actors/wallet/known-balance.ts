/**
 * The last known balance of this home's account, in `balance.json`, for a program that asks one question and has no
 * time to look the balance up. Nothing depends on it being right: a worker goes by its own ledger, and a client that
 * offers more than that continues as a guest.
 *
 * A new account is known to be empty. The balance is unknown for an account brought here from another home, and for one
 * whose balance was too small a day ago: it may have earned something since, and finding out costs one refused offer.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { publicKey } from '../../protocol/schema.js';
import { leastPriceForTier } from '../../rules/standing.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import { isCode } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import { replaceFile } from '../../runtime/replace-file.js';
import type { Home } from '../home/home.js';
import type { Ledger } from '../scores/ledger.js';

const schema = z.object({ account: publicKey, millipoints: z.number().int() });

/** How long a balance too small to offer anything is believed. */
export const emptyForMs = 86_400_000;

export interface KnownBalance {
  /** Millipoints; undefined if never known. */
  read(): number | undefined;
  /** For an account about to make an offer: also undefined if the balance was too small, and that was long ago. */
  readToOffer(nowMs: number): number | undefined;
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
  const isEmpty = (millipoints: number): boolean => millipoints < leastPriceForTier;
  return {
    read,
    readToOffer(nowMs) {
      const known = read();
      return known !== undefined && isEmpty(known) && nowMs - changedAtMs(file) >= emptyForMs ? undefined : known;
    },
    write(millipoints) {
      if (millipoints === read() && !isEmpty(millipoints)) return; // an empty balance is rewritten for its date
      try {
        replaceFile(file, `${JSON.stringify({ account, millipoints })}\n`, { mode: 0o600 });
      } catch (error) {
        log.debug('balance.not_kept', { file, error });
      }
    },
  };
}

/** Unix milliseconds; 0 for a file that no longer exists. */
const changedAtMs = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Receipts come in bursts and are written together. */
const keepMs = 1_000;

/**
 * Keeps the file in step with a running worker's ledger, so that it is right even if the worker is killed.
 *
 * @returns stop
 */
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
