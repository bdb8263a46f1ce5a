/**
 * A claim on its way to becoming a certificate: it starts as a sound claim (`rules/claim.ts`) and ends certified,
 * rejected or expired. A busy mesh has thousands in flight, so a claim is data in the docket (actors/scores/docket.ts),
 * which runs this chart as a table (runtime/chart-table.ts). The docket holds what a claim has gathered; the chart only
 * hears when it is enough.
 *
 * Invariants: attested before it is offered, stored before it is certified; a quorum of others certifies a claim
 * whatever this node thinks of it, since otherwise two honest nodes would hold different sets.
 */
import { setup } from 'xstate';
import { backoffMs, type Backoff } from '../rules/backoff.js';
import { maxMicrosteps } from '../runtime/limits.js';

const judgingAgain: Backoff = { firstMs: 2_000, longestMs: 300_000 };
/**
 * Connections do not lose messages: what was sent arrived, unless the other end was too busy. Asking sooner would keep
 * it so.
 */
const offeringAgain: Backoff = { firstMs: 5_000, longestMs: 300_000 };

export type ReceiptEnd = 'certified' | 'rejected' | 'expired';

/** Belongs to the claim that runs it; read-only here. */
export interface ReceiptContext {
  /** Until no honest node attests it any more. */
  readonly expiresInMs: number;
  readonly timesJudged: number;
  readonly timesOffered: number;
}

export type ReceiptEvent =
  /** Judged valid by this node. */
  | { readonly type: 'receipt.accepted' }
  /** Not valid now, but perhaps later: the client's balance may grow, a clock may catch up. */
  | { readonly type: 'receipt.doubted' }
  /** Invalid for good. */
  | { readonly type: 'receipt.refused' }
  /** This node's attestation is on disk, or it is no validator. */
  | { readonly type: 'receipt.signed' }
  /** The attestations gathered form a certificate under this node's current policy. */
  | { readonly type: 'quorum.reached' }
  | { readonly type: 'receipt.stored' }
  | { readonly type: 'receipt.notStored' };

const chart = setup({
  types: { context: {} as ReceiptContext, events: {} as ReceiptEvent, input: {} as ReceiptContext },
  actions: {
    /** Answered at once: accepted, doubted or refused. */
    judge: () => {},
    /**
     * Signs and stores an attestation, or finds it in the store. Answered by `receipt.signed`, or refused if the store
     * holds another.
     */
    sign: () => {},
    /** Sends it to every peer, with the attestations gathered so far. */
    offer: () => {},
    /** Writes certificate, indexes and totals in one atomic step; only then does it count. */
    store: () => {},
  },
  delays: {
    expiresInMs: ({ context }) => context.expiresInMs,
    signMs: 30_000,
    judgeAgainMs: ({ context }) => backoffMs(judgingAgain, context.timesJudged),
    offerAgainMs: ({ context }) => backoffMs(offeringAgain, context.timesOffered),
    storeMs: 30_000,
    storeAgainMs: 5_000,
  },
});

export const receiptMachine = chart.createMachine({
  id: 'receipt',
  context: ({ input }) => input,
  options: { maxIterations: maxMicrosteps },
  initial: 'open',
  states: {
    open: {
      on: { 'quorum.reached': 'recording' },
      after: { expiresInMs: 'expired' },
      initial: 'claimed',
      states: {
        claimed: {
          entry: 'judge',
          on: {
            'receipt.accepted': 'attesting',
            'receipt.doubted': 'postponed',
            'receipt.refused': '#receipt.rejected',
          },
        },
        postponed: { after: { judgeAgainMs: 'claimed' } },
        attesting: {
          initial: 'signing',
          states: {
            signing: {
              entry: 'sign',
              on: {
                'receipt.signed': 'offering',
                /** The store has this node's attestation of another receipt for this order. */
                'receipt.refused': '#receipt.rejected',
              },
              after: { signMs: { target: 'signing', reenter: true } },
            },
            offering: { entry: 'offer', after: { offerAgainMs: { target: 'offering', reenter: true } } },
          },
        },
      },
    },
    recording: {
      entry: 'store',
      on: { 'receipt.stored': 'certified', 'receipt.notStored': 'storingAgain' },
      after: { storeMs: 'storingAgain' },
    },
    storingAgain: { on: { 'receipt.stored': 'certified' }, after: { storeAgainMs: 'recording' } },
    certified: { type: 'final' },
    rejected: { type: 'final' },
    expired: { type: 'final' },
  },
});
