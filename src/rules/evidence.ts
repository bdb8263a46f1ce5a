/**
 * Two signatures of one hand that cannot both be honest: two receipts of one order, or acks of two receipts of one order.
 * Whoever holds both can prove it to everybody, and everybody comes to the same ban, whenever the proof arrives: it runs
 * from the dates that the signer itself wrote.
 *
 * Nobody can be framed: each proof needs the signature of the one it bans.
 */
import { isGenuine, objectHash, type Claim, type Evidence, type Testimony } from '../protocol/signed-objects.js';

export const banMs = 30 * 86_400_000;

export interface Ban {
  readonly account: string;
  /** Unix milliseconds. */
  readonly until: number;
}

/** The ban that the evidence proves; undefined where it proves nothing. */
export function banOf(evidence: Evidence): Ban | undefined {
  const { kind, a, b } = evidence;
  const isAck = kind === 'double_ack';
  const areTwoOfOneOrder =
    a.receipt.order === b.receipt.order && objectHash('receipt', a.receipt) !== objectHash('receipt', b.receipt);
  return areTwoOfOneOrder && isTestimony(a, isAck) && isTestimony(b, isAck) ? banBy(evidence) : undefined;
}

/** The ban that follows from evidence that is known to be good. */
export function banBy({ kind, a, b }: Evidence): Ban {
  const account = kind === 'double_ack' ? a.order.client : a.order.worker;
  return { account, until: Math.max(a.receipt.finishedAt, b.receipt.finishedAt) + banMs };
}

/**
 * What two claims for one order prove: the worker signed two receipts, and the client two acks. Both claims are sound
 * (`rules/claim.ts`): ten signatures are not checked again each time that somebody claims another version of what he did.
 */
export function evidenceIn(a: Claim, b: Claim): Evidence[] {
  const isOneOrder = a.receipt.order === b.receipt.order;
  if (!isOneOrder || objectHash('receipt', a.receipt) === objectHash('receipt', b.receipt)) return [];
  return [
    { kind: 'double_receipt', a: { order: a.order, receipt: a.receipt }, b: { order: b.order, receipt: b.receipt } },
    { kind: 'double_ack', a: pureClaim(a), b: pureClaim(b) },
  ];
}

/** A claim without what else came with it, such as attestations. */
export const pureClaim = ({ order, receipt, ack }: Claim): Claim => ({ order, receipt, ack });

function isTestimony({ order, receipt, ack }: Testimony, withAck: boolean): boolean {
  if (receipt.order !== objectHash('order', order)) return false;
  if (receipt.worker !== order.worker || receipt.client !== order.client) return false;
  if (!isGenuine('order', order) || !isGenuine('receipt', receipt)) return false;
  if (!withAck) return true;
  if (ack === undefined) return false;
  return ack.receipt === objectHash('receipt', receipt) && ack.client === order.client && isGenuine('ack', ack);
}
