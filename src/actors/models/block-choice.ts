/**
 * Which block is asked for next, and of whom. Nodes that fetch the same model at the same time are fellows: each has a part, and what one
 * has the others need not ask of the seeder that all of them hang on.
 *
 *  1. who has had the whole from the start is a seeder, who was seen with a part of it is a fellow, also when it has all;
 *  2. a seeder is asked for what no fellow has, so long as the fellows that have it are worth waiting for (rules/model-fetch.ts);
 *  3. of what is open, half is what fellows have, if there is so much, and half what only seeders have: neither are left without work.
 *
 * It sees who has what as Hypercore does; how that is hooked in, core-storage.ts says.
 */
import type { Peer } from 'hypercore';
import { isWorthWaiting } from '../../rules/model-fetch.js';
import type { Clock } from '../../runtime/clock.js';
import { canBring, hasAll, hasAny } from './core-storage.js';

/** So many of the missing blocks are looked at for one of the right kind: they stand in random order. */
const lookedAt = 128;
/** Weight of the latest block in the time that a peer takes for one. */
const latestShare = 1 / 4;

interface Pace {
  readonly kind: 'seeder' | 'fellow';
  /** Since when it owes the next block; undefined where it owes none. */
  owingSinceMs: number | undefined;
  /** Between two blocks that it owes. */
  blockMs: number | undefined;
}

export class BlockChoice {
  readonly #clock: Clock;
  readonly #peers: () => readonly Peer[];
  readonly #paces = new WeakMap<Peer, Pace>();

  constructor(clock: Clock, peers: () => readonly Peer[]) {
    this.#clock = clock;
    this.#peers = peers;
  }

  /** Whether a block may be asked of this peer. */
  mayAsk(peer: Peer, index: number): boolean {
    const pace = this.#paceOf(peer);
    return pace?.kind !== 'seeder' || !this.#fellowsWith(index).some((fellow) => this.#isWorthWaiting(fellow, pace));
  }

  /** It is asked for one more. */
  asked(peer: Peer): void {
    const pace = this.#paceOf(peer);
    if (pace !== undefined) pace.owingSinceMs ??= this.#clock.monotonicMs();
  }

  brought(peer: Peer): void {
    const pace = this.#paceOf(peer);
    if (pace === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    const tookMs = nowMs - (pace.owingSinceMs ?? nowMs);
    pace.blockMs = pace.blockMs === undefined ? tookMs : pace.blockMs + (tookMs - pace.blockMs) * latestShare;
    pace.owingSinceMs = peer.inflight > 0 ? nowMs : undefined;
  }

  /** Takes the block out of `missing` that is to be opened beside those that are open. */
  next(missing: number[], open: ReadonlySet<number>): number | undefined {
    const fellows = this.#fellows();
    const isShared = (index: number): boolean => fellows.some((fellow) => canBring(fellow, index));
    const last = missing.length - 1;
    if (fellows.length > 0 && last > 0) {
      const wantsShared = [...open].filter(isShared).length * 2 <= open.size;
      let at = last;
      while (at >= 0 && at > last - lookedAt && isShared(missing[at] ?? 0) !== wantsShared) at--;
      if (at >= 0 && at > last - lookedAt) [missing[at], missing[last]] = [missing[last] ?? 0, missing[at] ?? 0];
    }
    return missing.pop();
  }

  #fellows(): readonly Peer[] {
    return this.#peers().filter((peer) => this.#paceOf(peer)?.kind === 'fellow');
  }

  #fellowsWith(index: number): readonly Peer[] {
    return this.#fellows().filter((fellow) => canBring(fellow, index));
  }

  #isWorthWaiting(fellow: Peer, seeder: Pace): boolean {
    const { owingSinceMs, blockMs } = this.#paceOf(fellow) ?? {};
    const silentMs = owingSinceMs === undefined ? 0 : this.#clock.monotonicMs() - owingSinceMs;
    return isWorthWaiting({ silentMs, blockMs, seederBlockMs: seeder.blockMs });
  }

  /** Undefined as long as it is not known to have anything. */
  #paceOf(peer: Peer): Pace | undefined {
    const known = this.#paces.get(peer);
    if (known !== undefined || !hasAny(peer)) return known;
    const kind = hasAll(peer) ? 'seeder' : 'fellow';
    const pace: Pace = { kind, owingSinceMs: undefined, blockMs: undefined };
    this.#paces.set(peer, pace);
    return pace;
  }
}
