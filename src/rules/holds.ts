/**
 * Points that are reserved and not yet paid. A worker keeps one book of holds for the orders it accepted (until the score is certified,
 * or 10 minutes after the result), and one for what it attested as a validator (until that is certified). Every step takes constant
 * work.
 *
 * Invariants: what is held for an account is the sum of its holds, never below 0; a hold is released once.
 */

/** Holds in one book. Beyond that they are refused, so that clients cannot fill the memory. */
export const maxHolds = 100_000;
/** How long after the result a worker holds the price: a certificate takes seconds if it comes at all. */
export const holdAfterResultMs = 600_000;

interface Hold {
  readonly account: string;
  readonly millipoints: number;
}

export class Holds {
  readonly #holds = new Map<string, Hold>();
  readonly #heldFor = new Map<string, number>();
  /** Key → when it ends, in the order of time, so the first one ends next. */
  readonly #ends = new Map<string, number>();

  /** Millipoints. */
  heldFor(account: string): number {
    return this.#heldFor.get(account) ?? 0;
  }

  /** @param key the hash of an order or of a receipt. @returns false if the book is full, or has a hold for this key already. */
  hold(key: string, account: string, millipoints: number): boolean {
    if (this.#holds.has(key) || this.#holds.size >= maxHolds) return false;
    this.#holds.set(key, { account, millipoints });
    this.#heldFor.set(account, this.heldFor(account) + millipoints);
    return true;
  }

  /** The request has ended, so its hold will expire. */
  finish(key: string, nowMs: number): void {
    if (this.#holds.has(key) && !this.#ends.has(key)) this.#ends.set(key, nowMs + holdAfterResultMs);
  }

  /** The price is paid, or never will be. */
  release(key: string): void {
    const hold = this.#holds.get(key);
    if (hold === undefined) return;
    this.#holds.delete(key);
    this.#ends.delete(key);
    const rest = this.heldFor(hold.account) - hold.millipoints;
    if (rest > 0) this.#heldFor.set(hold.account, rest);
    else this.#heldFor.delete(hold.account);
  }

  /** Releases expired holds. */
  expire(nowMs: number): void {
    for (const [key, endMs] of this.#ends) {
      if (endMs > nowMs) return;
      this.release(key);
    }
  }

  /** Over all accounts. */
  get total(): number {
    let sum = 0;
    for (const held of this.#heldFor.values()) sum += held;
    return sum;
  }

  get size(): number {
    return this.#holds.size;
  }
}
