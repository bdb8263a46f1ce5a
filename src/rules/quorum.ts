/**
 * How many of whose attestations make a certificate: each node's own policy. More than two thirds, so that any two quorums
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

/** A worker counts as seen after so long on the score network. */
export const seenAfterMs = 60_000;
/** Of many strangers no more than so many are asked for. */
export const maxSeenThreshold = 7;

export const leastThreshold = (validators: number): number => Math.floor((2 * validators) / 3) + 1;

/** Why a policy cannot be used; undefined where it can. One line, for a person. */
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

/** This node alone makes the quorum: such a certificate is offered again as others appear. */
export const isSolo = ({ validators }: Quorum): boolean => validators.size === 1;

/** Whether an attestation says anything in this quorum. Its signature is looked at last: it costs most. */
export function counts(attestation: Attestation, receiptHash: string, { validators }: Quorum): boolean {
  const { receipt, validator, verdict } = attestation;
  return (
    verdict === 'valid' && receipt === receiptHash && validators.has(validator) && isGenuine('attestation', attestation)
  );
}

/** Whether enough different validators attest it. The claim in it is for `examine`. Stops at the threshold. */
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
