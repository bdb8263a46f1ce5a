/**
 * A claim on its way to become a certificate. It begins as a sound claim (`rules/claim.ts`) and ends certified, rejected or
 * expired. A busy mesh has thousands of them in flight, so each is data in the docket (actors/scores/docket.ts), which runs this chart
 * as a table (runtime/chart-table.ts): what a claim has gathered is the docket's, and the chart hears of it once it is enough.
 *
 * Invariants: attested before it is offered, stored before it is certified; whatever this node itself thinks of a claim, a
 * quorum of others certifies it, for otherwise two honest nodes would hold different sets.
 */
import { setup } from 'xstate';
import { backoffMs, type Backoff } from '../rules/backoff.js';
import { maxMicrosteps } from '../runtime/limits.js';

const judgingAgain: Backoff = { firstMs: 2_000, longestMs: 300_000 };
/** Connections lose nothing: what was told was heard, unless the other end was too busy. Asking it sooner would keep it so. */
const offeringAgain: Backoff = { firstMs: 5_000, longestMs: 300_000 };

export type ReceiptEnd = 'certified' | 'rejected' | 'expired';

/** Of the claim that runs it; only read here. */
export interface ReceiptContext {
  /** Until no honest node attests it any more. */
  readonly expiresInMs: number;
  readonly timesJudged: number;
  readonly timesOffered: number;
}

export type ReceiptEvent =
  /** Judged valid by this node. */
  | { readonly type: 'receipt.accepted' }
  /** Not now, and perhaps later: the client's balance may grow, a clock may catch up. */
  | { readonly type: 'receipt.doubted' }
  /** For good. */
  | { readonly type: 'receipt.refused' }
  /** This node's own attestation is on the disk, or it is no validator. */
  | { readonly type: 'receipt.signed' }
  /** By this node's policy, as it is now, those who attested it make a certificate. */
  | { readonly type: 'quorum.reached' }
  | { readonly type: 'receipt.stored' }
  | { readonly type: 'receipt.notStored' };

const chart = setup({
  types: { context: {} as ReceiptContext, events: {} as ReceiptEvent, input: {} as ReceiptContext },
  actions: {
    /** Answered at once: accepted, doubted or refused. */
    judge: () => {},
    /** Sign it and store that, or find it in the store: answered by `receipt.signed`, or refused where it holds another one. */
    sign: () => {},
    /** To every peer, with what has gathered of attestations. */
    offer: () => {},
    /** Certificate, indexes and totals in one step on the disk, and only then counted. */
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
                /** The disk knows of another receipt for this order that this node attested. */
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
