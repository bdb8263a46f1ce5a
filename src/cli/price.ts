/**
 * `qmesh ask --price`: the most a question can cost, and the place in line it gets for that. Sends nothing to the mesh.
 */
import { openHome } from '../actors/home/home.js';
import { loadIdentity } from '../actors/home/identity.js';
import { balanceIn } from '../actors/wallet/known-balance.js';
import { balanceAt } from '../client/open-wallet.js';
import { promptFacts, type PromptText } from '../protocol/salted-hash.js';
import { mostFor, offerFor } from '../rules/price.js';
import { leastPriceForTier, tierForOffer } from '../rules/standing.js';
import { tierRules, type Tier } from '../rules/tiers.js';
import { nullLogger } from '../runtime/log.js';
import { systemRandom } from '../runtime/random.js';
import type { Settings } from '../settings.js';

export interface Quote {
  readonly promptChars: number;
  /** The most that such a request can score. All amounts are in thousandths of a point. */
  readonly mostMillipoints: number;
  /**
   * The most it can cost, which is what is offered. 0 asks as a guest; so does an offer while the balance is unknown,
   * since no worker believes it.
   */
  readonly costMillipoints: number;
  /** According to this home's worker, or as last known; null if it never was. */
  readonly balanceMillipoints: number | null;
  readonly tier: Tier;
  /** The longest wait that this tier is meant to have, on a mesh with free capacity. */
  readonly targetWaitMs: number;
}

export async function quote(text: PromptText, { home: path, maxPrice }: Settings): Promise<Quote> {
  const home = openHome(path);
  const { keyPair } = loadIdentity(home, systemRandom, nullLogger);
  const account = keyPair.publicKeyHex;
  const balance = (await balanceAt(home, account)) ?? balanceIn(home, account, nullLogger).read();
  return quoteFor(promptFacts(text, '')?.chars ?? 0, balance, Math.floor(maxPrice * 1_000));
}

/**
 * All amounts are in millipoints.
 * @param maxPrice the most the user wants to pay
 */
export function quoteFor(promptChars: number, balance: number | undefined, maxPrice: number): Quote {
  const free = balance === undefined ? Infinity : Math.max(0, balance);
  const cost = offerFor({ promptChars, free, maxPrice });
  const tier = balance === undefined ? 'guest' : (tierForOffer({ maxPrice: cost, balance: free, held: 0 }) ?? 'guest');
  return {
    promptChars,
    mostMillipoints: mostFor(promptChars),
    costMillipoints: cost,
    balanceMillipoints: balance ?? null,
    tier,
    targetWaitMs: tierRules[tier].targetWaitMs,
  };
}

export function quoteText(told: Quote, maxPoints: number): string {
  const { mostMillipoints, costMillipoints, balanceMillipoints, tier, targetWaitMs } = told;
  if (balanceMillipoints === null && costMillipoints > 0)
    return [
      `It costs what it scores, up to ${points(costMillipoints)}, if this account has that much.`,
      'This home does not know its balance. A worker that knows of fewer points answers you as a guest, after everyone who pays.',
    ].join('\n');
  const cost =
    costMillipoints > 0
      ? `It costs what it scores, up to ${points(costMillipoints)}.`
      : 'It is free: you ask as a guest.';
  const wait =
    targetWaitMs === 0
      ? 'where an answer begins at once'
      : `where an answer should begin within ${targetWaitMs / 1_000} s`;
  const place =
    tier === 'guest' ? 'Guests are answered last, after everyone who pays.' : `You ask in the ${tier} tier, ${wait}.`;
  return [cost, place, ...reason(balanceMillipoints, mostMillipoints, costMillipoints, maxPoints)].join('\n');
}

function reason(balance: number | null, most: number, cost: number, maxPoints: number): string[] {
  if (balance === null) return [];
  const have = `You have ${points(balance)}.`;
  if (cost > 0) return [have];
  if (maxPoints * 1_000 < leastPriceForTier)
    return [`${have} You want to pay at most ${maxPoints}, and a tier needs at least 1.`];
  return [`${have} With at least 1 point you would go ahead of guests; this request can cost up to ${points(most)}.`];
}

const points = (millipoints: number): string => `${millipoints / 1_000} ${millipoints === 1_000 ? 'point' : 'points'}`;
