/**
 * When a client has to show work before it is served, and how much: guests, from Moderate on, since identities are free and
 * cycles are not. A bit more is twice the work. One try takes about 2 microseconds of a core in Node: at the better end of
 * Moderate some 40 ms, at a score of 0 about a second. To check it takes one try.
 *
 * Invariant: the lower the score, the more work, within the two bounds.
 */
import type { Tier } from './tiers.js';

export const leastWorkBits = 14;
export const mostWorkBits = 19;

/** The score below which work is asked for: where Moderate begins. */
const workBelowScore = 60;

export const isWorkAsked = (tier: Tier, state: string): boolean =>
  tier === 'guest' && state !== 'idle' && state !== 'light';

export function workBits(score: number): number {
  const burden = Math.min(1, Math.max(0, (workBelowScore - score) / workBelowScore));
  return leastWorkBits + Math.round((mostWorkBits - leastWorkBits) * burden);
}
