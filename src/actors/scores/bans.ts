/** Accounts banned by evidence, and until when, which is the same on every node. It lives outside the actors, since others ask it too. */
import type { Ban } from '../../rules/evidence.js';
import type { Clock } from '../../runtime/clock.js';

/** Each takes two signatures of the account that it bans. Beyond that, the ban that ends first is dropped. */
export const maxBans = 10_000;

export class Bans {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(account: string): boolean {
    return this.leftMs(account) > 0;
  }

  /** 0 if it is not banned. */
  leftMs(account: string): number {
    return Math.max(0, (this.#until.get(account) ?? 0) - this.#clock.now());
  }

  /** @returns whether it is news: it has not ended, and ends later than the ban known so far. */
  add({ account, until }: Ban): boolean {
    if (until <= this.#clock.now() || until <= (this.#until.get(account) ?? 0)) return false;
    if (!this.#until.has(account) && this.#until.size >= maxBans) this.#forgetOne();
    this.#until.set(account, until);
    return true;
  }

  get size(): number {
    return this.#until.size;
  }

  #forgetOne(): void {
    let first: readonly [string, number] | undefined;
    for (const each of this.#until) if (first === undefined || each[1] < first[1]) first = each;
    if (first !== undefined) this.#until.delete(first[0]);
  }
}
