/** What verification says of an item that a peer sent, and what it asks of this node's knowledge to say it. */
import type { Attestation, Claim, Evidence } from '../../protocol/signed-objects.js';
import type { ClaimFacts } from '../../rules/claim.js';
import type { Ban } from '../../rules/evidence.js';
import type { Fault } from '../../rules/verdicts.js';
import type { Source } from './intake.js';

/** A sound claim, alone or in a certificate. */
export interface VerifiedClaim {
  readonly source: Source;
  /** Of the receipt. */
  readonly hash: string;
  readonly claim: Claim;
  readonly facts: ClaimFacts;
  /** Genuine, and of this node's validators, each once. */
  readonly attestations: readonly Attestation[];
  readonly isCertificate: boolean;
}

export type Finding =
  | ({ readonly kind: 'claim.verified' } & VerifiedClaim)
  | {
      readonly kind: 'claim.unsound';
      readonly source: Source;
      readonly claim: Claim;
      readonly hash: string;
      readonly fault: Fault;
    }
  /** A peer has a claim that this node has, too. */
  | {
      readonly kind: 'claim.held';
      readonly source: Source;
      readonly order: string;
      readonly hash: string;
      readonly isCertificate: boolean;
      readonly status: ClaimStatus;
    }
  | { readonly kind: 'attestation.verified'; readonly source: Source; readonly attestation: Attestation }
  /** A peer has an attestation of a claim that this node has. Its signature is not checked. */
  | { readonly kind: 'attestation.held'; readonly source: Source; readonly attestation: Attestation }
  | { readonly kind: 'evidence.verified'; readonly source: Source; readonly evidence: Evidence; readonly ban: Ban }
  /** An attestation or evidence whose signature does not hold: no honest node sends that. */
  | { readonly kind: 'signature.forged'; readonly source: Source };

/** `busy`: being verified or written just now. */
export type ClaimStatus = 'unknown' | 'pending' | 'counted' | 'busy';

export interface KnownClaims {
  readonly status: (hash: string) => ClaimStatus;
  /** Rejected for good by this node. It is looked at again only where a quorum may disagree. */
  readonly isRejected: (hash: string) => boolean;
  /** How many attestations a receipt still lacks; 0 where this one is no news. */
  readonly missing: (attestation: Attestation) => number;
}
