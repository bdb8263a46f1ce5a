/** The wallet of a client in a real process: its home keeps the acks, and the worker that runs there knows the balance. */
import { acksIn } from '../actors/ack-folder.js';
import { AckPost, acksInMemory } from '../actors/ack-post.js';
import { askWorker } from '../actors/control/ask.js';
import type { Home } from '../actors/home.js';
import { Wallet } from '../actors/wallet.js';
import type { KeyPair } from '../protocol/keys.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';

export interface WalletSource {
  readonly identity: KeyPair;
  /** Undefined: acks are kept in memory, and no balance is known. */
  readonly home: Home | undefined;
  /** The inference topic of the mesh. */
  readonly network: string;
  /** Millipoints. */
  readonly maxPrice: number;
}

interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A client waits for its first balance no longer, and asks as a guest until it comes. */
const firstBalanceMs = 1_000;

/** The wallet, once it knows its balance or has waited for long enough. */
export async function openWallet({ home, ...account }: WalletSource, ambient: Ambient): Promise<Wallet> {
  const { clock, log } = ambient;
  const post = new AckPost(home === undefined ? acksInMemory : acksIn(home, log), ambient);
  const wallet = new Wallet({
    ...account,
    ...ambient,
    post,
    balance: (found) => void balanceAt(home, account.identity.publicKeyHex).then(found, () => found(undefined)),
  });
  await new Promise<void>((known) => {
    const timer = clock.setTimeout(known, firstBalanceMs);
    wallet.refresh(() => {
      clock.clearTimeout(timer);
      known();
    });
  });
  return wallet;
}

/** Millipoints of this account, as the worker of its home sees them; undefined where none runs. */
export async function balanceAt(home: Home | undefined, account: string): Promise<number | undefined> {
  if (home === undefined) return undefined;
  const answer = await askWorker(home, { do: 'status' });
  if (typeof answer !== 'object' || !('report' in answer)) return undefined;
  const { workerId, balance } = answer.report;
  return workerId === account ? (balance ?? undefined) : undefined;
}
