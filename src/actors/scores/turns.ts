/**
 * Whose turn it is to be asked. A node that lacks much asks one peer at a time, since otherwise each of them would send all of it. A turn ends
 * when it brings nothing for a while, and after a time limit whatever it brings; then the next peer in line is asked.
 */
import type { Clock } from '../../runtime/clock.js';

export const idleTurnMs = 1_000;
export const maxTurnMs = 15_000;

export class Turns {
  readonly #clock: Clock;
  #current: { readonly peer: string; readonly sinceMs: number; readonly gainedMs: number } | undefined;
  /** First come, first served, so that no peer can push ahead. */
  readonly #waiting = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether this peer may be asked now. If not, it is put in line. */
  request(peer: string): boolean {
    if (this.#isFree() && this.#waiting.size === 0) this.#begin(peer);
    if (this.#current?.peer === peer) return true;
    this.#waiting.add(peer);
    return false;
  }

  /** Begins the turn of the next peer in line, if there is one and it is its turn. */
  next(): string | undefined {
    const [next] = this.#waiting;
    if (next === undefined || !this.#isFree()) return undefined;
    this.#begin(next);
    return next;
  }

  /** The peer brought something. */
  gained(peer: string): void {
    if (this.#current?.peer === peer) this.#current = { ...this.#current, gainedMs: this.#clock.monotonicMs() };
  }

  forget(peer: string): void {
    if (this.#current?.peer === peer) this.#current = undefined;
    this.#waiting.delete(peer);
  }

  #isFree(): boolean {
    if (this.#current === undefined) return true;
    const nowMs = this.#clock.monotonicMs();
    return nowMs - this.#current.gainedMs >= idleTurnMs || nowMs - this.#current.sinceMs >= maxTurnMs;
  }

  #begin(peer: string): void {
    const nowMs = this.#clock.monotonicMs();
    this.#waiting.delete(peer);
    this.#current = { peer, sinceMs: nowMs, gainedMs: nowMs };
  }
}
