/**
 * Tells score peers what is new, batched into few frames. What this node originates leaves within `announceMs`. What it relays for others
 * waits `relayMs` first and then goes only to peers that have not shown by then that they have it: in a fully connected mesh almost
 * nothing is left to relay.
 */
import type { After } from '../../runtime/guarded-callback.js';
import { messagesOf, type Announcement } from './announcements.js';
import type { Intake } from './intake.js';
import type { ScorePeers } from './score-peers.js';

export const announceMs = 20;
export const relayMs = 300;
/**
 * A busy node has not read yet what its peers have, so it postpones relaying, this many times (half a minute). Most of what it would relay is
 * known by then, and reading it would keep others busy; a peer that misses something gets it from a later announcement or from
 * anti-entropy.
 */
const maxPostponed = 100;
/** Announcements waiting to leave. Beyond that new ones are dropped: anti-entropy delivers what matters of them. */
export const maxWaitingAnnouncements = 8_192;

export class Gossip {
  readonly #peers: ScorePeers;
  readonly #intake: Pick<Intake, 'isBusy'>;
  readonly #after: After;
  #own: Announcement[] = [];
  #relayed: Announcement[] = [];

  constructor(peers: ScorePeers, intake: Pick<Intake, 'isBusy'>, after: After) {
    this.#peers = peers;
    this.#intake = intake;
    this.#after = after;
  }

  /** Something that this node originates. */
  announce(announcement: Announcement): void {
    if (this.#own.length >= maxWaitingAnnouncements) return;
    if (this.#own.push(announcement) === 1)
      this.#after(announceMs, () => {
        const waiting = this.#own;
        this.#own = [];
        this.#send(waiting);
      });
  }

  /** Something that another node originated. */
  relay(announcement: Announcement): void {
    if (this.#relayed.length >= maxWaitingAnnouncements) return;
    if (this.#relayed.push(announcement) === 1) this.#sendRelayed(maxPostponed);
  }

  #sendRelayed(postponable: number): void {
    this.#after(relayMs, () => {
      if (postponable > 0 && this.#intake.isBusy) {
        this.#sendRelayed(postponable - 1);
        return;
      }
      const waiting = this.#relayed;
      this.#relayed = [];
      this.#send(waiting);
    });
  }

  /** Peers that are sent the same announcements share the encoded frames. */
  #send(all: readonly Announcement[]): void {
    const groups = new Map<string, string[]>();
    for (const peer of this.#peers.names()) {
      const places = [...all.keys()].filter((place) => all[place]?.isKnownTo(peer) === false);
      if (places.length === 0) continue;
      const key = places.length === all.length ? '' : places.join();
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [peer]);
      else group.push(peer);
    }
    for (const [key, peers] of groups) {
      const items = key === '' ? all : key.split(',').flatMap((place) => all[Number(place)] ?? []);
      for (const message of messagesOf(items)) this.#peers.write(peers, message);
    }
  }
}
