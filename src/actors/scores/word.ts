/**
 * What this node says of a claim in flight, and to whom: nothing to a peer that is known to have it, and to those who look up nothing
 * but certificates. Who attested a claim has it; who signed an attestation has that.
 */
import type { ReceiptContext } from '../../machines/receipt.machine.js';
import type { Attestation, Claim } from '../../protocol/signed-objects.js';
import type { ClaimFacts } from '../../rules/claim.js';
import type { Verdict } from '../../rules/verdicts.js';
import type { ChartRun } from '../../runtime/chart-table.js';
import type { Gossip } from './gossip.js';
import type { Sender } from './inbox.js';
import type { ScorePeers } from './score-peers.js';

export interface Vote {
  readonly attestation: Attestation;
  /** Peers that are known to have it. */
  readonly knownBy: Set<string>;
}

/** A claim in flight. */
export interface Gathering extends ReceiptContext {
  readonly hash: string;
  readonly claim: Claim;
  readonly facts: ClaimFacts;
  /** It is on the disk: this node made it, or attested it before. */
  readonly isKept: boolean;
  readonly votes: Map<string, Vote>;
  /** Peers that are known to have the claim, and those that have its certificate. */
  readonly knownBy: Set<string>;
  readonly certifiedBy: Set<string>;
  /** Nodes that attest it, by their word that was checked or by what they said on their own connection. */
  readonly attestedBy: Set<string>;
  isAttested: boolean;
  /** What this node found last. */
  verdict: Verdict | undefined;
  timesJudged: number;
  timesOffered: number;
  run: ChartRun<Gathering> | undefined;
}

/** This node's own word, or something that it passes on. */
export type How = 'tell' | 'forward';

export class Word {
  readonly #gossip: Gossip;
  readonly #peers: ScorePeers;
  readonly #isGathering: (hash: string) => boolean;

  constructor(gossip: Gossip, peers: ScorePeers, isGathering: (hash: string) => boolean) {
    this.#gossip = gossip;
    this.#peers = peers;
    this.#isGathering = isGathering;
  }

  /** @param only to this peer, where one is given. */
  claim(claim: Gathering, how: How, only?: string): void {
    this.#gossip[how]({
      kind: 'receipt',
      item: claim.claim,
      isKnownTo: (peer) =>
        (only ?? peer) !== peer || this.#hasClaim(claim, peer) || (how === 'forward' && !this.#isGathering(claim.hash)),
    });
  }

  /** What is only passed on need not be, once the certificate says it better. */
  vote({ hash }: Gathering, { attestation, knownBy }: Vote, how: How, only?: string): void {
    this.#gossip[how]({
      kind: 'attestation',
      item: attestation,
      isKnownTo: (peer) =>
        (only ?? peer) !== peer ||
        knownBy.has(peer) ||
        this.#peers.node(peer) === attestation.validator ||
        !this.#peers.isWorker(peer) ||
        (how === 'forward' && !this.#isGathering(hash)),
    });
  }

  /** To those who will not gather it themselves: a validator that attested it has what it takes, or finds it by anti-entropy. */
  certificate({ claim, attestedBy, certifiedBy }: Gathering, attestations: readonly Attestation[]): void {
    this.#gossip.forward({
      kind: 'certificate',
      item: { ...claim, attestations: [...attestations] },
      isKnownTo: (peer) => certifiedBy.has(peer) || attestedBy.has(this.#peers.node(peer) ?? ''),
    });
  }

  /** To the worker and to those who asked: nothing follows from it for anybody else. */
  answer(worker: string, askedBy: ReadonlySet<string>, attestation: Attestation): void {
    const isKnownTo = (peer: string): boolean => !askedBy.has(peer) && this.#peers.node(peer) !== worker;
    this.#gossip.tell({ kind: 'attestation', item: attestation, isKnownTo });
  }

  #hasClaim({ knownBy, attestedBy, facts }: Gathering, peer: string): boolean {
    const node = this.#peers.node(peer) ?? '';
    const hasShown = knownBy.has(peer) || node === facts.entry.worker || attestedBy.has(node);
    return hasShown || !this.#peers.isWorker(peer);
  }
}

export const voteOf = (attestation: Attestation, peer: Sender): Vote => ({
  attestation,
  knownBy: new Set(peer === undefined ? [] : [peer]),
});
