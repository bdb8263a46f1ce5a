/** What a client offers for a request, in millipoints. It pays what the request scores, and never more than it offers. */
import { scoreOf } from './points.js';
import { leastPriceForTier } from './standing.js';

/** The most that a request with a prompt of this length can score. */
export const mostFor = (promptChars: number): number =>
  scoreOf({ promptChars, resultChars: Number.MAX_SAFE_INTEGER, responseMs: 0, success: true }).score;

export interface Means {
  /** Code points. */
  readonly promptChars: number;
  /** The balance less what is reserved. */
  readonly free: number;
  /** The most that the user wants to pay for one request. */
  readonly maxPrice: number;
}

/** As much as the request can cost, limited by what is free; nothing if that buys no tier, and then it is a guest's request. */
export function offerFor({ promptChars, free, maxPrice }: Means): number {
  const offer = Math.min(mostFor(promptChars), free, maxPrice);
  return offer >= leastPriceForTier ? offer : 0;
}
