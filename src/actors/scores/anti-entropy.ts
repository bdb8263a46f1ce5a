/**
 * Anti-entropy with score peers (`rules/anti-entropy.ts`): compares digests of what is counted, and exchanges the certificates that one side
 * lacks. A round with a peer begins
 *
 * - when it connects: the side that dialled begins; the other does if it hears nothing for a while;
 * - every minute, with everyone;
 * - shortly after the peer brought something, and when what this node counts has stopped changing;
 * - when a claim still lacks attestations after it was announced: a peer between two that are not connected relays none once it has a
 *   certificate, and expects whoever attested the claim to find that here.
 *
 * No state is kept between messages except the certificates of each peer that this node's policy refused: those are not asked of that peer
 * again, but of everybody else, whose copies may be attested better.
 */
import type { ScoreRequestMessage } from '../../protocol/score-messages.js';
import { answer, openRound, type Holdings } from '../../rules/anti-entropy.js';
import { HashTree } from '../../rules/hash-tree.js';
import type { Clock } from '../../runtime/clock.js';
import type { After } from '../../runtime/guarded-callback.js';
import { messagesOf, type GossipItem } from './announcements.js';
import type { GuardedLedger } from './guarded-ledger.js';
import type { Source } from './intake.js';
import type { ScorePeers } from './score-peers.js';
import { bareCertificate } from './score-store.js';
import { Turns } from './turns.js';

/** Hashes of one peer's refused certificates. Beyond that all of them are forgotten, and sent once more. */
export const maxRefused = 4_096;

/** The side that was dialled waits this long for the other to begin. */
const dialledMs = 2_000;
/** From something that a peer brought to the next round with it. */
const gainedMs = 200;
/** What is counted has stopped changing after so long; where it never does, a round begins this often all the same. */
const quietMs = 1_000;
const longestBusyMs = 5_000;
/** Between two rounds on account of claims that lack attestations. Each claim asks with back-off, but there may be many. */
const stalledMs = 5_000;

export interface AntiEntropyDeps {
  readonly clock: Clock;
  readonly scorePeers: ScorePeers;
  readonly ledger: Pick<GuardedLedger, 'counted' | 'certificate'>;
  readonly after: After;
}

export class AntiEntropy {
  readonly #deps: AntiEntropyDeps;
  readonly #turns: Turns;
  readonly #refused = new Map<string, HashTree>();
  /** Peers that have asked, or were asked. */
  readonly #compared = new Set<string>();
  /** Peers for which certificates are being read from disk. */
  readonly #answering = new Set<string>();
  /** Peers that brought something, and with which another round is about to begin. */
  readonly #gained = new Set<string>();
  #countedAtMs = -Infinity;
  #comparedAtMs: number;
  #isStalled = false;
  #stalledRoundAtMs = -Infinity;

  constructor(deps: AntiEntropyDeps) {
    this.#deps = deps;
    this.#turns = new Turns(deps.clock);
    this.#comparedAtMs = deps.clock.monotonicMs();
  }

  /** A peer has connected. */
  greet(peer: string): void {
    const { scorePeers, after } = this.#deps;
    if (scorePeers.isDialled(peer)) this.#open(peer);
    else
      after(dialledMs, () => {
        if (scorePeers.node(peer) !== undefined && !this.#compared.has(peer)) this.#open(peer);
      });
  }

  /** Begins a round with every peer. */
  openAll(): void {
    for (const peer of this.#deps.scorePeers.names()) this.#open(peer);
  }

  /** A claim was announced a while ago and still lacks attestations. */
  stalled(): void {
    this.#isStalled = true;
  }

  /** To be called every second or so. */
  tick(): void {
    const { clock, scorePeers } = this.#deps;
    this.#openNext();
    const nowMs = clock.monotonicMs();
    if (this.#isStalled && nowMs - this.#stalledRoundAtMs >= stalledMs) {
      this.#isStalled = false;
      this.#stalledRoundAtMs = nowMs;
      return this.openAll();
    }
    const isDue = nowMs - this.#countedAtMs >= quietMs || nowMs - this.#comparedAtMs >= longestBusyMs;
    if (this.#countedAtMs <= this.#comparedAtMs || !isDue) return;
    this.#comparedAtMs = nowMs;
    for (const peer of scorePeers.names()) if (scorePeers.isDialled(peer)) this.#open(peer);
  }

  hear(peer: string, request: ScoreRequestMessage): void {
    const { scorePeers } = this.#deps;
    this.#compared.add(peer);
    // One answer at a time, and only to a peer that reads: what it asks meanwhile it asks again.
    if (this.#answering.has(peer) || !scorePeers.hasRoom(peer)) return;
    const { request: next, send } = answer(this.#holdings(peer), request);
    // A peer that only looks up has nothing that this node lacks, so it need not wait for its turn.
    if (next !== undefined && (!scorePeers.isWorker(peer) || this.#takesTurn(peer))) this.#ask(peer, next);
    if (send.length > 0) this.#send(peer, send);
  }

  /** A receipt began to count. @param source the peer that brought its certificate */
  counted(source: Source): void {
    this.#countedAtMs = this.#deps.clock.monotonicMs();
    if (source === undefined) return;
    this.#turns.gained(source);
    if (this.#gained.has(source)) return;
    this.#gained.add(source);
    this.#deps.after(gainedMs, () => {
      this.#gained.delete(source);
      this.#open(source);
    });
  }

  /** This peer's certificate of this receipt is not enough for this node. */
  refuse(peer: string, hash: string): void {
    const refused = this.#refused.get(peer);
    if (refused !== undefined && refused.size < maxRefused) refused.add(hash);
    else {
      const tree = new HashTree();
      tree.add(hash);
      this.#refused.set(peer, tree);
    }
  }

  /** The validators have changed: what was refused may be enough now. */
  forgetRefused(): void {
    this.#refused.clear();
  }

  /** The peer has disconnected. */
  forget(peer: string): void {
    this.#turns.forget(peer);
    this.#refused.delete(peer);
    this.#compared.delete(peer);
    this.#answering.delete(peer);
  }

  #open(peer: string): void {
    this.#ask(peer, openRound(this.#holdings(peer)));
  }

  #openNext(): void {
    const next = this.#turns.next();
    if (next !== undefined) this.#open(next);
  }

  #takesTurn(peer: string): boolean {
    const isItsTurn = this.#turns.request(peer);
    if (!isItsTurn) this.#openNext();
    return isItsTurn;
  }

  #holdings(peer: string): Holdings {
    return { counted: this.#deps.ledger.counted, refused: this.#refused.get(peer) ?? nothing };
  }

  #ask(peer: string, request: ScoreRequestMessage): void {
    const { scorePeers } = this.#deps;
    this.#compared.add(peer);
    if (request.keys !== undefined) scorePeers.await(peer);
    scorePeers.send(peer, request);
  }

  #send(peer: string, hashes: readonly string[]): void {
    const { scorePeers, ledger } = this.#deps;
    const items: GossipItem[] = [];
    let left = hashes.length;
    this.#answering.add(peer);
    for (const hash of hashes)
      ledger.certificate(hash, (_, found) => {
        if (found !== undefined) items.push({ kind: 'certificate', item: bareCertificate(found) });
        if (--left > 0 || !this.#answering.delete(peer)) return;
        for (const message of messagesOf(items)) scorePeers.write([peer], message);
      });
  }
}

const nothing = new HashTree();
