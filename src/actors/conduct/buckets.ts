/**
 * The token buckets of all who ask. One that nobody has touched until it was full again is as good as none and is dropped, so
 * this holds those of the last ten seconds. Should so many ask within them that it is full, whoever comes next waits: nobody
 * gets a new bucket by making others push the old one out.
 */
import { bucketFillMs, bucketWaitMs, takeFromBucket, type Bucket } from '../../rules/token-bucket.js';
import type { Tier } from '../../rules/tiers.js';

export const maxBuckets = 10_000;

export class Buckets {
  /** The one that was touched first comes first. */
  readonly #buckets = new Map<string, Bucket>();

  get size(): number {
    return this.#buckets.size;
  }

  /** 0: the next request of `who` is let in now. */
  waitMs(who: string, tier: Tier, nowMs: number): number {
    const bucket = this.#buckets.get(who);
    this.#dropFull(nowMs);
    if (bucket === undefined && this.#buckets.size >= maxBuckets) return bucketFillMs;
    return bucketWaitMs(bucket, tier, nowMs);
  }

  take(who: string, tier: Tier, nowMs: number): void {
    const bucket = takeFromBucket(this.#buckets.get(who), tier, nowMs);
    this.#buckets.delete(who); // to the end
    this.#buckets.set(who, bucket);
  }

  /** From the front. One that is still filling holds up those behind it, for as long as a bucket takes to fill at most. */
  #dropFull(nowMs: number): void {
    for (const [who, fullAtMs] of this.#buckets) {
      if (fullAtMs > nowMs) return;
      this.#buckets.delete(who);
    }
  }
}
