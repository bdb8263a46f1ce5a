/**
 * When a client must do a proof of work before it is served, and how hard it is: guests, from Moderate on, since
 * identities are free and cycles are not. Each bit doubles the work. One try takes about 2 microseconds of a core in
 * Node: some 40 ms at the better end of Moderate, about a second at a score of 0. Checking takes one try.
 *
 * Invariant: the lower the score, the more work, within the two bounds.
 */
import type { Tier } from './tiers.js';

export const leastWorkBits = 14;
export const mostWorkBits = 19;

/** The score below which work is required: where Moderate begins. */
const workBelowScore = 60;

export const isWorkAsked = (tier: Tier, state: string): boolean =>
  tier === 'guest' && state !== 'idle' && state !== 'light';

export function workBits(score: number): number {
  const burden = Math.min(1, Math.max(0, (workBelowScore - score) / workBelowScore));
  return leastWorkBits + Math.round((mostWorkBits - leastWorkBits) * burden);
}
