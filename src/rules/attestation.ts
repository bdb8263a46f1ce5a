/**
 * Whether this node attests a claim now. This depends on what `rules/claim.ts` cannot know: the time, the balances, and what this node
 * attested before. Honest nodes may answer differently here, which is why a certificate takes more than two thirds of them.
 *
 * Invariants: of two receipts of one order at most one is ever attested; what this node attested for a client and is not
 * yet certified never exceeds the balance it sees.
 */
import { paidOf } from './ledger.js';
import type { ClaimFacts } from './claim.js';
import type { Verdict } from './verdicts.js';

/** How long after its end a request may be claimed: partitions heal in less. */
export const claimLifeMs = 7 * 86_400_000;
/**
 * No order older than this can be claimed. Its day may be closed (`rules/ledger.ts`), and a node that has forgotten what it signed
 * for an order must not sign again. No request takes this long to be answered and claimed.
 */
export const orderLifeMs = 30 * 86_400_000;
/** Clocks of honest nodes differ by at most this. */
export const clockSkewMs = 300_000;

/** What this node has seen, by account or hash. */
export interface LedgerView {
  /** The receipt of this order that this node attested or counted. */
  readonly receiptOf: (order: string) => string | undefined;
  /** Of certified receipts, in millipoints. */
  readonly balanceOf: (account: string) => number;
  /** Prices that this node attested for a client and that are not certified yet, in millipoints. */
  readonly pledgedBy: (client: string) => number;
  readonly isBanned: (account: string) => boolean;
}

/**
 * This node's verdict on a sound claim. Before a claim that it attested is judged again, what is pledged for it must be taken out of
 * the view.
 */
export function judge({ entry, orderedAt }: ClaimFacts, view: LedgerView, nowMs: number): Verdict {
  if (orderedAt > entry.finishedAt + clockSkewMs) return 'bad_clock';
  if (entry.finishedAt < nowMs - claimLifeMs || orderedAt < nowMs - orderLifeMs) return 'too_old';
  const known = view.receiptOf(entry.order);
  if (known !== undefined && known !== entry.hash) return 'double_receipt';
  if (entry.finishedAt > nowMs + clockSkewMs) return 'too_early';
  if (view.isBanned(entry.client) || view.isBanned(entry.worker)) return 'banned';
  if (entry.maxPrice > 0 && paidOf(entry) > view.balanceOf(entry.client) - view.pledgedBy(entry.client))
    return 'overdrawn';
  return 'valid';
}
