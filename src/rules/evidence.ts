/**
 * Equivocation: two signatures of one account that cannot both be honest, namely two receipts of one order, or acks of two receipts of
 * one order. Whoever holds both can prove it, and every node arrives at the same ban, whenever the evidence reaches it, because the ban
 * runs from the dates that the signer itself wrote.
 *
 * Nobody can be framed: evidence needs the signatures of the account that it bans.
 */
import { isGenuine, objectHash, type Claim, type Evidence, type Testimony } from '../protocol/signed-objects.js';

export const banMs = 30 * 86_400_000;

export interface Ban {
  readonly account: string;
  /** Unix milliseconds. */
  readonly until: number;
}

/** The ban that the evidence proves; undefined if it proves nothing. */
export function banOf(evidence: Evidence): Ban | undefined {
  const { kind, a, b } = evidence;
  const isAck = kind === 'double_ack';
  const areTwoOfOneOrder =
    a.receipt.order === b.receipt.order && objectHash('receipt', a.receipt) !== objectHash('receipt', b.receipt);
  return areTwoOfOneOrder && isTestimony(a, isAck) && isTestimony(b, isAck) ? banBy(evidence) : undefined;
}

/** The ban that follows from evidence that was checked. */
export function banBy({ kind, a, b }: Evidence): Ban {
  const account = kind === 'double_ack' ? a.order.client : a.order.worker;
  return { account, until: Math.max(a.receipt.finishedAt, b.receipt.finishedAt) + banMs };
}

/**
 * What two claims for one order prove: the worker signed two receipts, and the client two acks. Both claims must be sound
 * (`rules/claim.ts`), so none of their signatures is checked again.
 */
export function evidenceIn(a: Claim, b: Claim): Evidence[] {
  const isOneOrder = a.receipt.order === b.receipt.order;
  if (!isOneOrder || objectHash('receipt', a.receipt) === objectHash('receipt', b.receipt)) return [];
  return [
    { kind: 'double_receipt', a: { order: a.order, receipt: a.receipt }, b: { order: b.order, receipt: b.receipt } },
    { kind: 'double_ack', a: pureClaim(a), b: pureClaim(b) },
  ];
}

/** The claim alone, without attestations or anything else that came with it. */
export const pureClaim = ({ order, receipt, ack }: Claim): Claim => ({ order, receipt, ack });

function isTestimony({ order, receipt, ack }: Testimony, withAck: boolean): boolean {
  if (receipt.order !== objectHash('order', order)) return false;
  if (receipt.worker !== order.worker || receipt.client !== order.client) return false;
  if (!isGenuine('order', order) || !isGenuine('receipt', receipt)) return false;
  if (!withAck) return true;
  if (ack === undefined) return false;
  return ack.receipt === objectHash('receipt', receipt) && ack.client === order.client && isGenuine('ack', ack);
}
