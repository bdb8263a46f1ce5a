/**
 * How often a client may ask: 60 times a minute and 10 at once, both times the rate factor of its tier.
 *
 * A bucket is one number: the time at which it is full again. All tiers' buckets fill from empty in the same time, so that number
 * means the same for each of them, and a bucket that nobody has touched for that long is as good as none.
 *
 * Invariants: within any stretch of t ms no more is taken than the burst and what flows in during t; who waits for as long as
 * it is told, and is alone at its bucket, is let in.
 */
import { tierRules, type Tier } from './tiers.js';

const perMinute = 60;
const burst = 10;

/** From empty to full, for every tier. */
export const bucketFillMs = (60_000 * burst) / perMinute;

/** On the caller's clock, when it is full again. */
export type Bucket = number;

/** What one request takes, in the time that it needs to flow in again. */
export const requestCostMs = (tier: Tier): number => 60_000 / perMinute / tierRules[tier].rateFactor;

const afterOne = (bucket: Bucket | undefined, tier: Tier, nowMs: number): Bucket =>
  Math.max(bucket ?? nowMs, nowMs) + requestCostMs(tier);

/** How long until the next request is let in; 0 is now. */
export const bucketWaitMs = (bucket: Bucket | undefined, tier: Tier, nowMs: number): number =>
  Math.max(0, Math.ceil(afterOne(bucket, tier, nowMs) - nowMs - bucketFillMs));

/** The bucket after one more request. The caller has asked `bucketWaitMs`. */
export const takeFromBucket = afterOne;
