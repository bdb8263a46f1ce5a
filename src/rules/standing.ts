/**
 * The place in line that an order buys. The tier follows from the account's balance, but only if the request pays: one that offers
 * nothing is a guest's, however rich its account.
 */
import { tierOf, type Tier } from './tiers.js';

/** A client that offers less than a point asks as a guest, and still pays what it offers. */
export const leastPriceForTier = 1_000;

export interface Offer {
  /** All in millipoints. */
  readonly maxPrice: number;
  readonly balance: number;
  /** Reserved by other requests of this account at this worker. */
  readonly held: number;
}

/** Undefined if the offer is not covered. It is refused then, since the worker would work for points that nobody has. */
export function tierForOffer({ maxPrice, balance, held }: Offer): Tier | undefined {
  if (maxPrice > 0 && maxPrice > balance - held) return undefined;
  return maxPrice >= leastPriceForTier ? tierOf(balance) : 'guest';
}
