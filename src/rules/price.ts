/** What a client offers for a request. What it pays is what the request scores, and never more than it offers. All in millipoints. */
import { scoreOf } from './points.js';
import { leastPriceForTier } from './standing.js';

/** The most that a request with a prompt of this length can score. */
export const mostFor = (promptChars: number): number =>
  scoreOf({ promptChars, resultChars: Number.MAX_SAFE_INTEGER, responseMs: 0, success: true }).score;

export interface Means {
  /** Code points. */
  readonly promptChars: number;
  /** The balance, less what is spoken for. */
  readonly free: number;
  /** What the user wants to pay for one request at most. */
  readonly maxPrice: number;
}

/** As much as it can cost, as far as there is enough; where that buys no tier, nothing, and a guest asks. */
export function offerFor({ promptChars, free, maxPrice }: Means): number {
  const offer = Math.min(mostFor(promptChars), free, maxPrice);
  return offer >= leastPriceForTier ? offer : 0;
}
