/**
 * How many attestations, and whose, make a certificate: each node's own policy. It takes more than two thirds, so that any two quorums
 * share an honest validator as long as fewer than a third lie, and no two receipts of one order are both certified.
 */
import { objectHash, isGenuine, type Attestation, type Certificate } from '../protocol/signed-objects.js';

/** `seen`: the workers met on the score network. It has no defence against identities made in bulk. */
export type ValidatorPolicy =
  { readonly validators: 'seen' } | { readonly validators: readonly string[]; readonly threshold: number };

export interface Quorum {
  readonly validators: ReadonlySet<string>;
  readonly threshold: number;
}

/** A worker counts as seen after this long on the score network. */
export const seenAfterMs = 60_000;
/** However many workers are seen, no more attestations than this are required. */
export const maxSeenThreshold = 7;

export const leastThreshold = (validators: number): number => Math.floor((2 * validators) / 3) + 1;

/** Why a policy cannot be used, in one line for a person; undefined if it can. */
export function policyProblem(policy: ValidatorPolicy): string | undefined {
  if (policy.validators === 'seen') return undefined;
  const { validators, threshold } = policy;
  const count = validators.length;
  if (count === 0) return 'no validators are named';
  if (new Set(validators).size < count) return 'a validator is named twice';
  if (threshold > count) return `a threshold of ${threshold} can never be reached by ${count} validators`;
  if (threshold < leastThreshold(count))
    return `a threshold of ${threshold} of ${count} validators is not more than two thirds: use at least ${leastThreshold(count)}`;
  return undefined;
}

/** @param seen the workers on the score network for at least `seenAfterMs`, this node included */
export function quorumOf(policy: ValidatorPolicy, seen: Iterable<string>): Quorum {
  if (policy.validators !== 'seen') return { validators: new Set(policy.validators), threshold: policy.threshold };
  const validators = new Set(seen);
  return { validators, threshold: Math.min(maxSeenThreshold, leastThreshold(validators.size)) };
}

/** This node is the whole quorum. Such a certificate is offered again when others appear. */
export const isSolo = ({ validators }: Quorum): boolean => validators.size === 1;

/** Whether an attestation counts in this quorum. The signature is checked last, because it costs most. */
export function counts(attestation: Attestation, receiptHash: string, { validators }: Quorum): boolean {
  const { receipt, validator, verdict } = attestation;
  return (
    verdict === 'valid' && receipt === receiptHash && validators.has(validator) && isGenuine('attestation', attestation)
  );
}

/** Whether enough different validators attest it. The claim itself is checked by `examine`. Stops at the threshold. */
export function isCertified({ receipt, attestations }: Certificate, quorum: Quorum): boolean {
  const receiptHash = objectHash('receipt', receipt);
  const found = new Set<string>();
  for (const attestation of attestations) {
    if (found.has(attestation.validator) || !counts(attestation, receiptHash, quorum)) continue;
    found.add(attestation.validator);
    if (found.size >= quorum.threshold) return true;
  }
  return false;
}
