/** The ledger of a worker's home, open while the worker runs. */
import { join } from 'node:path';
import type { Home } from '../../actors/home/home.js';
import { openLedger, type Ledger } from '../../actors/scores/ledger.js';
import { openScoreStore, scoreFolder } from '../../actors/scores/score-store.js';
import type { Minters } from '../../rules/ledger.js';
import { messageOf } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';

/** Undefined if it cannot be opened, which is logged: the worker then serves without it. */
export async function ledgerIn({ path }: Home, minters: Minters, log: Logger): Promise<Ledger | undefined> {
  try {
    return await openLedger(await openScoreStore(join(path, scoreFolder)), minters);
  } catch (error) {
    log.error('ledger.unavailable', {
      reason: messageOf(error),
      note: 'This worker serves everybody as a guest and earns nothing until the ledger is mended and it is started again.',
    });
    return undefined;
  }
}

/** Writes everything pending first. */
export const closeLedger = (ledger: Ledger | undefined): Promise<void> =>
  new Promise((closed) => {
    if (ledger === undefined) closed();
    else ledger.close(() => closed());
  });
