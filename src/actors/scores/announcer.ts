/**
 * Decides which peers need to be told about a pending claim. Nobody is told what it is known to have: a validator that attested a claim has that
 * claim, and whoever signed an attestation has that attestation. Nodes that only look up get certificates and nothing else.
 */
import type { Attestation } from '../../protocol/signed-objects.js';
import type { Gossip } from './gossip.js';
import type { Source } from './intake.js';
import type { PendingClaim, PendingClaims, TrackedAttestation } from './pending-claims.js';
import type { ScorePeers } from './score-peers.js';

/** `announce` is for what this node originates, `relay` for what others did. Nothing is relayed about a claim that is no longer pending. */
export type Manner = 'announce' | 'relay';

export class Announcer {
  readonly #gossip: Gossip;
  readonly #peers: ScorePeers;
  readonly #pending: Pick<PendingClaims, 'has'>;

  constructor(gossip: Gossip, peers: ScorePeers, pending: Pick<PendingClaims, 'has'>) {
    this.#gossip = gossip;
    this.#peers = peers;
    this.#pending = pending;
  }

  /** @param only the one peer to tell, where it is given */
  claim(claim: PendingClaim, manner: Manner, only?: string): void {
    this.#gossip[manner]({
      kind: 'claim',
      item: claim.claim,
      isKnownTo: (peer) =>
        (only ?? peer) !== peer ||
        this.#hasClaim(claim, peer) ||
        (manner === 'relay' && !this.#pending.has(claim.hash)),
    });
  }

  /** Once the claim is certified, its certificate makes relaying single attestations pointless. */
  attestation(
    { hash }: PendingClaim,
    { attestation, holders }: TrackedAttestation,
    manner: Manner,
    only?: string,
  ): void {
    this.#gossip[manner]({
      kind: 'attestation',
      item: attestation,
      isKnownTo: (peer) =>
        (only ?? peer) !== peer ||
        holders.has(peer) ||
        this.#peers.node(peer) === attestation.validator ||
        !this.#peers.isWorker(peer) ||
        (manner === 'relay' && !this.#pending.has(hash)),
    });
  }

  /** For peers that will not gather it themselves. A validator that attested the claim does, or finds it by anti-entropy. */
  certificate({ claim, attesters, certificateHolders }: PendingClaim, attestations: readonly Attestation[]): void {
    this.#gossip.relay({
      kind: 'certificate',
      item: { ...claim, attestations: [...attestations] },
      isKnownTo: (peer) => certificateHolders.has(peer) || attesters.has(this.#peers.node(peer) ?? ''),
    });
  }

  /** This node's reason for not attesting a claim: for the claim's worker and those who sent it. It says nothing to anybody else. */
  refusal(worker: string, senders: ReadonlySet<string>, item: Attestation): void {
    const isKnownTo = (peer: string): boolean => !senders.has(peer) && this.#peers.node(peer) !== worker;
    this.#gossip.announce({ kind: 'attestation', item, isKnownTo });
  }

  #hasClaim({ holders, attesters, facts }: PendingClaim, peer: string): boolean {
    const node = this.#peers.node(peer) ?? '';
    const isShown = holders.has(peer) || node === facts.entry.worker || attesters.has(node);
    return isShown || !this.#peers.isWorker(peer);
  }
}

/** A verified attestation, before anybody else is known to have it. */
export const tracked = (attestation: Attestation, source: Source): TrackedAttestation => ({
  attestation,
  holders: new Set(source === undefined ? [] : [source]),
});
