/**
 * The six tiers and the guests: what a balance is worth in the queue. One row per tier, best first; a balance below
 * every row is a guest's. Balances are millipoints (docs/protocol.md).
 */

interface TierRule {
  /** Minimum balance, in millipoints. */
  readonly fromMillipoints: number;
  /** The longest wait intended for this tier on a mesh with capacity. Aging counts in multiples of it. */
  readonly targetWaitMs: number;
  /** Multiplies the common rate limit. */
  readonly rateFactor: number;
}

export const tierRules = {
  master: { fromMillipoints: 10_000_000, targetWaitMs: 0, rateFactor: 16 },
  diamond: { fromMillipoints: 4_000_000, targetWaitMs: 100, rateFactor: 8 },
  platinum: { fromMillipoints: 1_500_000, targetWaitMs: 500, rateFactor: 4 },
  gold: { fromMillipoints: 500_000, targetWaitMs: 1_000, rateFactor: 2 },
  silver: { fromMillipoints: 100_000, targetWaitMs: 2_000, rateFactor: 1 },
  bronze: { fromMillipoints: 1_000, targetWaitMs: 5_000, rateFactor: 1 },
  guest: { fromMillipoints: Number.NEGATIVE_INFINITY, targetWaitMs: 5_000, rateFactor: 0.25 },
} as const satisfies Record<string, TierRule>;

export type Tier = keyof typeof tierRules;

/** From the best to the guests. */
export const tiers = Object.keys(tierRules) as readonly Tier[];

export const tierOf = (balanceMillipoints: number): Tier =>
  tiers.find((tier) => balanceMillipoints >= tierRules[tier].fromMillipoints) ?? 'guest';
