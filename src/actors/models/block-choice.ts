/**
 * Chooses which block is requested next, and from which peer. Nodes that fetch the same model at the same time are
 * called fellows: each has a part of it, and whatever a fellow has need not be requested from the seeder they all
 * depend on.
 *
 *  1. A peer that had all blocks when first seen is a seeder. One that was first seen with only some is a fellow, even
 *     once it has all.
 *  2. A seeder is asked for a block only if no fellow worth waiting for has it (rules/model-fetch.ts).
 *  3. Half of the open blocks are ones that fellows have, as far as there are enough, and half are ones that only
 *     seeders have, so that both have work.
 *
 * It uses Hypercore's view of who has what; core-storage.ts contains the hooks.
 */
import type { Peer } from 'hypercore';
import { isWorthWaiting } from '../../rules/model-fetch.js';
import type { Clock } from '../../runtime/clock.js';
import { canBring, hasAll, hasAny } from './core-storage.js';

/** How many missing blocks are searched for one of the wanted kind. They are in random order. */
const lookedAt = 128;
/** Weight of the latest block in the moving average of a peer's time per block. */
const latestShare = 1 / 4;

interface Pace {
  readonly kind: 'seeder' | 'fellow';
  /** When it began to owe its next block; undefined if it owes none. */
  owingSinceMs: number | undefined;
  /** Average time between blocks while it owes any. */
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

  /** Whether this block may be requested from this peer. */
  mayAsk(peer: Peer, index: number): boolean {
    const pace = this.#paceOf(peer);
    return pace?.kind !== 'seeder' || !this.#fellowsWith(index).some((fellow) => this.#isWorthWaiting(fellow, pace));
  }

  /** One more block was requested from it. */
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

  /** Removes from `missing` the block to open next, given the blocks that are already open, and returns it. */
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

  /** Undefined until the peer is known to have any block. */
  #paceOf(peer: Peer): Pace | undefined {
    const known = this.#paces.get(peer);
    if (known !== undefined || !hasAny(peer)) return known;
    const kind = hasAll(peer) ? 'seeder' : 'fellow';
    const pace: Pace = { kind, owingSinceMs: undefined, blockMs: undefined };
    this.#paces.set(peer, pace);
    return pace;
  }
}
