/**
 * Anti-entropy with each peer (rules/anti-entropy.ts): digests are compared, and the certificates that one lacks are sent. Nothing is
 * remembered of a round but what a peer sent that this node's policy refused: that is not asked of it again, and asked of everybody
 * else, for theirs may be attested better.
 *
 * One answer at a time is made for a peer, and only while it reads: what it asks meanwhile it asks again. And one peer at a time is
 * asked: who lacks much would otherwise get it from each of them.
 */
import type { ScoreRequestMessage } from '../../protocol/score-messages.js';
import type { Certificate } from '../../protocol/signed-objects.js';
import { answer, openRound, type Holdings } from '../../rules/anti-entropy.js';
import { HashTree } from '../../rules/hash-tree.js';
import type { Clock } from '../../runtime/clock.js';
import type { StoredCertificate } from './score-store.js';
import { encodeFrame } from '../../protocol/frame.js';
import { messagesOf, type News } from './gossip.js';
import type { ScorePeers } from './score-peers.js';

/** Hashes of refused certificates, of one peer. Beyond, all of them are forgotten, and come once more. */
export const maxRefused = 4_096;

/** A peer that brings nothing for so long is no longer the one that is asked; nor is one that was for so long, whatever it brings. */
export const idleTurnMs = 1_000;
export const maxTurnMs = 15_000;

export interface ReconcilerOptions {
  readonly clock: Clock;
  readonly peers: ScorePeers;
  /** The hashes of all counted certificates. */
  readonly counted: () => HashTree;
  /** Undefined where there is none that could be sent. */
  readonly certificate: (hash: string, found: (certificate: StoredCertificate | undefined) => void) => void;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #refused = new Map<string, HashTree>();
  /** Peers that have asked, or were. */
  readonly #compared = new Set<string>();
  /** Peers that certificates are being read for. */
  readonly #answering = new Set<string>();
  /** Who is asked, since when, and when it brought something last. */
  #turn: { readonly peer: string; readonly sinceMs: number; readonly gainedMs: number } | undefined;
  /** Peers that hold something else, and are asked later: in this order, so that none of them can push ahead. */
  readonly #waiting = new Set<string>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Begins a round. */
  open(peer: string): void {
    this.#ask(peer, openRound(this.#holdings(peer)));
  }

  /** The same, with one that is here and has not been heard or asked yet. */
  openUnasked(peer: string): void {
    if (this.#options.peers.node(peer) !== undefined && !this.#compared.has(peer)) this.open(peer);
  }

  hear(peer: string, request: ScoreRequestMessage): void {
    const { peers } = this.#options;
    this.#compared.add(peer);
    if (this.#answering.has(peer) || !peers.hasRoom(peer)) return;
    const { request: next, send } = answer(this.#holdings(peer), request);
    // Who only looks up has nothing that this node lacks: it is told at once.
    if (next !== undefined && (!peers.isWorker(peer) || this.#takesTurn(peer))) this.#ask(peer, next);
    if (send.length > 0) this.#send(peer, send);
  }

  /** The peer brought something that counts. */
  gained(peer: string): void {
    if (this.#turn?.peer === peer) this.#turn = { ...this.#turn, gainedMs: this.#options.clock.monotonicMs() };
  }

  /** To be called now and then: after the turn of one peer comes that of the next. */
  look(): void {
    const [next] = this.#waiting;
    if (next === undefined || !this.#isFree()) return;
    this.#begin(next);
    this.open(next);
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

  /** It is gone. */
  forget(peer: string): void {
    if (this.#turn?.peer === peer) this.#turn = undefined;
    this.#waiting.delete(peer);
    this.#refused.delete(peer);
    this.#compared.delete(peer);
    this.#answering.delete(peer);
  }

  /** What was refused may be good now. */
  forgetRefused(): void {
    this.#refused.clear();
  }

  /** Whether this peer may be asked now; otherwise it waits. */
  #takesTurn(peer: string): boolean {
    if (this.#isFree() && this.#waiting.size === 0) this.#begin(peer);
    if (this.#turn?.peer === peer) return true;
    this.#waiting.add(peer);
    this.look();
    return false;
  }

  #isFree(): boolean {
    if (this.#turn === undefined) return true;
    const nowMs = this.#options.clock.monotonicMs();
    return nowMs - this.#turn.gainedMs >= idleTurnMs || nowMs - this.#turn.sinceMs >= maxTurnMs;
  }

  #begin(peer: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#waiting.delete(peer);
    this.#turn = { peer, sinceMs: nowMs, gainedMs: nowMs };
  }

  #holdings(peer: string): Holdings {
    return { counted: this.#options.counted(), refused: this.#refused.get(peer) ?? nothing };
  }

  #ask(peer: string, request: ScoreRequestMessage): void {
    this.#compared.add(peer);
    if (request.keys !== undefined) this.#options.peers.await(peer);
    this.#options.peers.send(peer, request);
  }

  #send(peer: string, hashes: readonly string[]): void {
    const { peers, certificate } = this.#options;
    const news: News[] = [];
    let left = hashes.length;
    this.#answering.add(peer);
    for (const hash of hashes)
      certificate(hash, (found) => {
        if (found !== undefined) news.push({ kind: 'certificate', item: bare(found), isKnownTo });
        if (--left > 0 || !this.#answering.delete(peer)) return;
        for (const message of messagesOf(news)) peers.write([peer], encodeFrame(message));
      });
  }
}

const nothing = new HashTree();
const isKnownTo = (): boolean => false;

/** Without what this node alone notes of it. */
const bare = ({ order, receipt, ack, attestations }: StoredCertificate): Certificate => ({
  order,
  receipt,
  ack,
  attestations,
});
