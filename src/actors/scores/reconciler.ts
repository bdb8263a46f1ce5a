/**
 * Anti-entropy with each peer (rules/anti-entropy.ts): digests are compared, and the certificates that one lacks are sent. Nothing is
 * remembered of a round but what a peer sent that this node's policy refused: that is not asked of it again, and asked of everybody
 * else, for theirs may be attested better.
 *
 * One answer at a time is made for a peer, and only while it reads: what it asks meanwhile it asks again.
 */
import type { ScoreRequestMessage } from '../../protocol/score-messages.js';
import type { Certificate } from '../../protocol/signed-objects.js';
import { answer, openRound, type Holdings } from '../../rules/anti-entropy.js';
import { HashTree } from '../../rules/hash-tree.js';
import type { StoredCertificate } from '../score-store.js';
import { encodeFrame } from '../../protocol/frame.js';
import { messagesOf, type News } from './gossip.js';
import type { ScorePeers } from './score-peers.js';

/** Hashes of refused certificates, of one peer. Beyond, all of them are forgotten, and come once more. */
export const maxRefused = 4_096;

export interface ReconcilerOptions {
  readonly peers: ScorePeers;
  /** The hashes of all counted certificates. */
  readonly counted: () => HashTree;
  /** Undefined where there is none that could be sent. */
  readonly certificate: (hash: string, found: (certificate: StoredCertificate | undefined) => void) => void;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #refused = new Map<string, HashTree>();
  /** Peers that certificates are being read for. */
  readonly #answering = new Set<string>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Begins a round. */
  open(peer: string): void {
    this.#ask(peer, openRound(this.#holdings(peer)));
  }

  hear(peer: string, request: ScoreRequestMessage): void {
    const { peers } = this.#options;
    if (this.#answering.has(peer) || !peers.hasRoom(peer)) return;
    const { request: next, send } = answer(this.#holdings(peer), request);
    if (next !== undefined) this.#ask(peer, next);
    if (send.length > 0) this.#send(peer, send);
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
    this.#refused.delete(peer);
    this.#answering.delete(peer);
  }

  /** What was refused may be good now. */
  forgetRefused(): void {
    this.#refused.clear();
  }

  #holdings(peer: string): Holdings {
    return { counted: this.#options.counted(), refused: this.#refused.get(peer) ?? nothing };
  }

  #ask(peer: string, request: ScoreRequestMessage): void {
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
