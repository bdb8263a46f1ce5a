/** `qmesh ask --price`: what a question can cost at most, and the place in line that it gets for that. Nothing is sent to the mesh. */
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
  /** What such a request can score at most. All in thousandths of a point. */
  readonly mostMillipoints: number;
  /** What it would cost at most: what is offered. 0 asks as a guest, and so does what no worker believes, where the balance is not known. */
  readonly costMillipoints: number;
  /** As the worker of this home says, or as it was known last; null where it never was. */
  readonly balanceMillipoints: number | null;
  readonly tier: Tier;
  /** The wait that this tier is meant to see at most, on a mesh with room. */
  readonly targetWaitMs: number;
}

export async function quote(text: PromptText, { home: path, maxPrice }: Settings): Promise<Quote> {
  const home = openHome(path);
  const { keyPair } = loadIdentity(home, systemRandom, nullLogger);
  const account = keyPair.publicKeyHex;
  const balance = (await balanceAt(home, account)) ?? balanceIn(home, account, nullLogger).read();
  return quoteFor(promptFacts(text, '')?.chars ?? 0, balance, Math.floor(maxPrice * 1_000));
}

/** All in millipoints. @param maxPrice what the user wants to pay at most */
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
      `It costs at most ${points(costMillipoints)}, and no more than it scores, if this account has that much.`,
      'Your points are not known in this home: a worker that knows of less is asked as a guest, behind all who pay.',
    ].join('\n');
  const cost =
    costMillipoints > 0
      ? `It costs at most ${points(costMillipoints)}, and no more than it scores.`
      : 'It costs nothing: it is asked as a guest.';
  const wait = targetWaitMs === 0 ? 'at once' : `meant to begin within ${targetWaitMs / 1_000} s`;
  const place =
    tier === 'guest' ? 'Its place in line is the last, behind all who pay.' : `Its tier is ${tier}: ${wait}.`;
  return [cost, place, ...reason(balanceMillipoints, mostMillipoints, costMillipoints, maxPoints)].join('\n');
}

function reason(balance: number | null, most: number, cost: number, maxPoints: number): string[] {
  if (balance === null) return [];
  const have = `You have ${points(balance)}.`;
  if (cost > 0) return [have];
  if (maxPoints * 1_000 < leastPriceForTier)
    return [`${have} You wish to pay ${maxPoints}; a tier takes one point at least.`];
  return [
    `${have} Such a request can score ${points(most)}; with one point or more it is paid for, and comes before guests.`,
  ];
}

const points = (millipoints: number): string => `${millipoints / 1_000} ${millipoints === 1_000 ? 'point' : 'points'}`;
