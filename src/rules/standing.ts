/**
 * The place in line that an order buys. The tier is that of the account's balance, and only for who pays: a request that
 * offers nothing is a guest's, however rich its account.
 */
import { tierOf, type Tier } from './tiers.js';

/** A client that offers less than a point asks as a guest, and pays what it offers. */
export const leastPriceForTier = 1_000;

export interface Offer {
  /** All in millipoints. */
  readonly maxPrice: number;
  readonly balance: number;
  /** Of this account, spoken for by other requests here. */
  readonly held: number;
}

/** Undefined where the offer is not covered: it is refused, for a worker would work for points that nobody has. */
export function tierForOffer({ maxPrice, balance, held }: Offer): Tier | undefined {
  if (maxPrice > 0 && maxPrice > balance - held) return undefined;
  return maxPrice >= leastPriceForTier ? tierOf(balance) : 'guest';
}
