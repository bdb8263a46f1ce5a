/**
 * The token buckets of all clients. A full bucket is the same as none and is dropped, so this holds only the buckets
 * used in the last ten seconds. If there are too many of those, new clients wait: nobody gets a fresh bucket by pushing
 * old ones out.
 */
import { bucketFillMs, bucketWaitMs, takeFromBucket, type Bucket } from '../../rules/token-bucket.js';
import type { Tier } from '../../rules/tiers.js';

export const maxBuckets = 10_000;

export class Buckets {
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  get size(): number {
    return this.#buckets.size;
  }

  /** 0: the next request of `who` passes now. */
  waitMs(who: string, tier: Tier, nowMs: number): number {
    const bucket = this.#buckets.get(who);
    this.#dropFull(nowMs);
    if (bucket === undefined && this.#buckets.size >= maxBuckets) return bucketFillMs;
    return bucketWaitMs(bucket, tier, nowMs);
  }

  take(who: string, tier: Tier, nowMs: number): void {
    const bucket = takeFromBucket(this.#buckets.get(who), tier, nowMs);
    this.#buckets.delete(who); // so that `set` appends it
    this.#buckets.set(who, bucket);
  }

  /**
   * Drops from the front. A bucket that is still filling keeps those behind it, at most for the time a bucket takes to
   * fill.
   */
  #dropFull(nowMs: number): void {
    for (const [who, fullAtMs] of this.#buckets) {
      if (fullAtMs > nowMs) return;
      this.#buckets.delete(who);
    }
  }
}
