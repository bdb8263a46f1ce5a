/** Accounts that are banned by evidence, until when: everybody comes to the same. Outside the actors, since others ask. */
import type { Ban } from '../../rules/evidence.js';
import type { Clock } from '../../runtime/clock.js';

/** Each takes two signatures of the one it bans. Of more, the one that ends first is forgotten. */
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

  /** 0: it is not banned. */
  leftMs(account: string): number {
    return Math.max(0, (this.#until.get(account) ?? 0) - this.#clock.now());
  }

  /** @returns whether it is news: it ends later than what was known, and not before now. */
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
