/**
 * What this node tells its score peers, gathered into few frames. Its own word leaves within `ownMs`. What it passes on for others
 * waits `forwardMs` first, and goes only to those who have not shown by then that they have it: where everybody is connected with
 * everybody, nearly nothing is left to pass on.
 */
import { encodeFrame } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import { protocolVersion } from '../../protocol/messages.js';
import type { ScoreMessage } from '../../protocol/score-messages.js';
import type { Attestation, Certificate, Claim, Evidence } from '../../protocol/signed-objects.js';
import type { ScorePeers } from './score-peers.js';

export const ownMs = 20;
export const forwardMs = 300;
/**
 * A busy node has not read yet who has what: it waits with passing on, so many times, half a minute. What it would tell then is mostly
 * known, and reading it keeps others busy; who lacks something is offered it again, or finds it by comparing.
 */
const maxPostponed = 100;
/** Things that wait to be passed on. Of more, the newest are left out: anti-entropy finds what matters of them. */
export const maxWaitingNews = 8_192;

/** One thing to tell. */
export type News = {
  /** Whether this peer need not be told, by now. */
  readonly isKnownTo: (peer: string) => boolean;
} & (
  | { readonly kind: 'receipt'; readonly item: Claim }
  | { readonly kind: 'certificate'; readonly item: Certificate }
  | { readonly kind: 'attestation'; readonly item: Attestation }
  | { readonly kind: 'evidence'; readonly item: Evidence }
);

type After = (delayMs: number, fn: () => void) => () => void;

export class Gossip {
  readonly #peers: ScorePeers;
  readonly #after: After;
  readonly #isBusy: () => boolean;
  #own: News[] = [];
  #forwards: News[] = [];

  /**
   * @param after runs something later, as long as whoever gossips lives.
   * @param isBusy something that was heard waits to be read
   */
  constructor(peers: ScorePeers, after: After, isBusy: () => boolean) {
    this.#peers = peers;
    this.#after = after;
    this.#isBusy = isBusy;
  }

  /** This node's own word. */
  tell(news: News): void {
    if (this.#own.length >= maxWaitingNews) return;
    if (this.#own.push(news) === 1)
      this.#after(ownMs, () => {
        const told = this.#own;
        this.#own = [];
        this.#send(told);
      });
  }

  /** Something of others. */
  forward(news: News): void {
    if (this.#forwards.length >= maxWaitingNews) return;
    if (this.#forwards.push(news) === 1) this.#passOn(maxPostponed);
  }

  #passOn(postponable: number): void {
    this.#after(forwardMs, () => {
      if (postponable > 0 && this.#isBusy()) return this.#passOn(postponable - 1);
      const told = this.#forwards;
      this.#forwards = [];
      this.#send(told);
    });
  }

  /** Peers that are told the same share its frames. */
  #send(all: readonly News[]): void {
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
      const told = key === '' ? all : key.split(',').flatMap((place) => all[Number(place)] ?? []);
      for (const message of messagesOf(told)) this.#peers.write(peers, encodeFrame(message));
    }
  }
}

/** As many messages as it takes, each within the limits of items and bytes. Claims come before what is said of them. */
export function messagesOf(news: readonly News[]): ScoreMessage[] {
  const updates = news.filter(({ kind }) => kind === 'receipt' || kind === 'certificate');
  const words = news.filter(({ kind }) => kind === 'attestation' || kind === 'evidence');
  return [...chunks(updates).map(updateOf), ...chunks(words).map(verifyOf)];
}

function updateOf(news: readonly News[]): ScoreMessage {
  const receipts = news.flatMap((each) => (each.kind === 'receipt' ? [each.item] : []));
  const certificates = news.flatMap((each) => (each.kind === 'certificate' ? [each.item] : []));
  return { v: protocolVersion, type: 'score_update', receipts, certificates };
}

function verifyOf(news: readonly News[]): ScoreMessage {
  const attestations = news.flatMap((each) => (each.kind === 'attestation' ? [each.item] : []));
  const evidence = news.flatMap((each) => (each.kind === 'evidence' ? [each.item] : []));
  return {
    v: protocolVersion,
    type: 'score_verify',
    attestations,
    ...(evidence.length > 0 ? { evidence } : {}),
  };
}

/** What they take in a frame, at most: their fields are of bounded length. */
const claimBytes = 2_600;
const attestationBytes = 450;

function bytesOf(news: News): number {
  switch (news.kind) {
    case 'receipt':
      return claimBytes;
    case 'certificate':
      return claimBytes + attestationBytes * news.item.attestations.length;
    case 'attestation':
      return attestationBytes;
    case 'evidence':
      return 2 * claimBytes;
  }
}

function chunks(news: readonly News[]): News[][] {
  const all: News[][] = [];
  let current: News[] = [];
  let bytes = 0;
  for (const each of news) {
    if (current.length >= limits.maxScoreItems || bytes + bytesOf(each) > limits.maxFrameBytes - claimBytes) {
      all.push(current);
      current = [];
      bytes = 0;
    }
    current.push(each);
    bytes += bytesOf(each);
  }
  return current.length > 0 ? [...all, current] : all;
}
