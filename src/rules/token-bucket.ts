/**
 * How often a client may ask: 60 times a minute and 10 at once, both times the rate factor of its tier.
 *
 * A bucket is one number: the time at which it is full again. Buckets of all tiers take the same time to fill from
 * empty, so the number means the same for each, and a bucket untouched for that long need not be kept.
 *
 * Invariants: within any stretch of t ms no more is taken than the burst plus what flows in during t; a client that is
 * alone at its bucket and waits as long as it was told is let in.
 */
import { tierRules, type Tier } from './tiers.js';

const perMinute = 60;
const burst = 10;

/** From empty to full, for every tier. */
export const bucketFillMs = (60_000 * burst) / perMinute;

/** When it is full again, on the caller's clock. */
export type Bucket = number;

/** What one request costs, as the time it takes to flow in again. */
export const requestCostMs = (tier: Tier): number => 60_000 / perMinute / tierRules[tier].rateFactor;

const afterOne = (bucket: Bucket | undefined, tier: Tier, nowMs: number): Bucket =>
  Math.max(bucket ?? nowMs, nowMs) + requestCostMs(tier);

/** How long until the next request is let in; 0 is now. */
export const bucketWaitMs = (bucket: Bucket | undefined, tier: Tier, nowMs: number): number =>
  Math.max(0, Math.ceil(afterOne(bucket, tier, nowMs) - nowMs - bucketFillMs));

/** The bucket after one more request. The caller has checked `bucketWaitMs`. */
export const takeFromBucket = afterOne;
