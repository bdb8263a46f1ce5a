/**
 * The wallet of a client in a real process. Acks are kept in its home, and the worker running there knows the balance.
 * If none is running, a long-lived client can look its points up on the score network, if configured to. Until that has
 * a result, or if not configured, it uses the balance last known in this home.
 */
import { acksIn } from '../actors/wallet/ack-folder.js';
import { AckPost, acksInMemory } from '../actors/wallet/ack-post.js';
import { askWorker } from '../actors/control/ask.js';
import type { Home } from '../actors/home/home.js';
import { balanceIn } from '../actors/wallet/known-balance.js';
import { ScoreLookup } from '../actors/wallet/score-lookup.js';
import { checksInThreads } from '../actors/scores/checks.js';
import { Wallet } from '../actors/wallet/wallet.js';
import type { KeyPair } from '../protocol/keys.js';
import { topicName } from '../protocol/topics.js';
import type { Minters } from '../rules/ledger.js';
import type { ValidatorPolicy } from '../rules/quorum.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';
import type { ChildSpec } from '../runtime/supervision.js';

export interface WalletSource {
  readonly identity: KeyPair;
  /** Undefined: acks are kept in memory, and no balance is known. */
  readonly home: Home | undefined;
  readonly networkPrefix: string;
  /** Millipoints. */
  readonly maxPrice: number;
  /** How points are looked up when no worker of the home is running; undefined: not at all. */
  readonly scores: ScoreSource | undefined;
}

/** Whom a client trusts about points. */
export interface ScoreSource {
  readonly policy: ValidatorPolicy;
  readonly minters: Minters;
}

export interface OpenedWallet {
  readonly wallet: Wallet;
  /** The client's actors on the score network. */
  readonly children: readonly ChildSpec[];
  /** Call after the last of those children has ended. */
  close(): Promise<void>;
}

interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** How long a client waits for its first balance; until it has one, it asks as a guest. */
const firstBalanceMs = 1_000;
/** Time for the score network's workers to send what they have; more may arrive later. */
const lookUpMs = 60_000;

/** Resolves once the wallet knows its balance or has waited long enough. */
export async function openWallet(source: WalletSource, ambient: Ambient): Promise<OpenedWallet> {
  const { identity, home, networkPrefix, maxPrice, scores } = source;
  const network = topicName('inference', networkPrefix);
  const { clock, log } = ambient;
  const atHome = await within(firstBalanceMs, balanceAt(home, identity.publicKeyHex), clock);
  const checks = atHome === undefined && scores !== undefined ? checksInThreads(network) : undefined;
  const lookup = checks && scores && new ScoreLookup({ ...ambient, ...scores, identity, checks, networkPrefix });
  const known = home && balanceIn(home, identity.publicKeyHex, log);
  let isLookedUp = false;
  let first: Promise<number | undefined> | undefined = Promise.resolve(atHome);
  const balance = async (): Promise<number | undefined> => {
    const asked = first ?? balanceAt(home, identity.publicKeyHex);
    first = undefined;
    const isThere = isLookedUp && lookup !== undefined && lookup.workers > 0;
    const told = (await asked) ?? (isThere ? lookup.balanceOf(identity.publicKeyHex) : undefined);
    if (told === undefined) return known === undefined ? 0 : known.readToOffer(clock.now());
    known?.write(told);
    return told;
  };
  const wallet = new Wallet({
    ...ambient,
    identity,
    network,
    maxPrice,
    post: new AckPost(home === undefined ? acksInMemory : acksIn(home, log), ambient),
    balance: (found) => void balance().then(found, () => found(0)),
    paid(millipoints) {
      const before = known?.read();
      if (before !== undefined) known?.write(before - millipoints);
    },
    foundEmpty: () => known?.write(0),
  });
  await new Promise<void>((done) => wallet.refresh(done));
  const stopWaiting = lookup?.whenInStep(lookUpMs, () => {
    isLookedUp = true;
    wallet.refresh();
  });
  return {
    wallet,
    children: lookup?.children ?? [],
    async close() {
      stopWaiting?.();
      await checks?.close();
    },
  };
}

/** The promise's value; undefined if it takes longer or fails. */
function within<Value>(ms: number, promise: Promise<Value>, clock: Clock): Promise<Value | undefined> {
  return new Promise((settle) => {
    const timer = clock.setTimeout(() => settle(undefined), ms);
    const done = (value: Value | undefined): void => {
      clock.clearTimeout(timer);
      settle(value);
    };
    promise.then(done, () => done(undefined));
  });
}

/** Millipoints of this account according to the worker of its home; undefined if none is running. */
export async function balanceAt(home: Home | undefined, account: string): Promise<number | undefined> {
  if (home === undefined) return undefined;
  const answer = await askWorker(home, { do: 'status' });
  if (typeof answer !== 'object' || !('report' in answer)) return undefined;
  const { workerId, balance } = answer.report;
  return workerId === account ? (balance ?? undefined) : undefined;
}
