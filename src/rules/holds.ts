/**
 * Points that are spoken for and not yet paid. A worker keeps one such book for the orders it accepted (until the score is
 * certified, or 10 minutes after the result), and one for what it attested as a validator (until that is certified).
 * Constant work for each step.
 *
 * Invariants: what is held for an account is the sum of its holds, never below 0; a hold is released once.
 */

/** Holds in one book. More are refused, so that memory has an end whatever clients do. */
export const maxHolds = 100_000;
/** A worker holds an order's price for so long after the result: a certificate takes seconds, where it comes at all. */
export const holdAfterResultMs = 600_000;

interface Hold {
  readonly account: string;
  readonly millipoints: number;
}

export class Holds {
  readonly #holds = new Map<string, Hold>();
  readonly #heldFor = new Map<string, number>();
  /** Key → when it ends. Ends are given in the order of time, so the first of them is the next. */
  readonly #ends = new Map<string, number>();

  /** Millipoints that are spoken for. */
  heldFor(account: string): number {
    return this.#heldFor.get(account) ?? 0;
  }

  /** @param key the hash of an order or of a receipt. @returns false where the book is full, or holds something for this key already. */
  hold(key: string, account: string, millipoints: number): boolean {
    if (this.#holds.has(key) || this.#holds.size >= maxHolds) return false;
    this.#holds.set(key, { account, millipoints });
    this.#heldFor.set(account, this.heldFor(account) + millipoints);
    return true;
  }

  /** The request has ended: from now on the hold has an end. */
  finish(key: string, nowMs: number): void {
    if (this.#holds.has(key) && !this.#ends.has(key)) this.#ends.set(key, nowMs + holdAfterResultMs);
  }

  /** Paid, or never to be paid. */
  release(key: string): void {
    const hold = this.#holds.get(key);
    if (hold === undefined) return;
    this.#holds.delete(key);
    this.#ends.delete(key);
    const rest = this.heldFor(hold.account) - hold.millipoints;
    if (rest > 0) this.#heldFor.set(hold.account, rest);
    else this.#heldFor.delete(hold.account);
  }

  /** Releases what has ended. */
  expire(nowMs: number): void {
    for (const [key, endMs] of this.#ends) {
      if (endMs > nowMs) return;
      this.release(key);
    }
  }

  /** Of all accounts together. */
  get total(): number {
    let sum = 0;
    for (const held of this.#heldFor.values()) sum += held;
    return sum;
  }

  get size(): number {
    return this.#holds.size;
  }
}
