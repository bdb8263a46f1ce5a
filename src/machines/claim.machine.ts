/**
 * A claim on its way to becoming a certificate. It starts as a sound claim (`rules/claim.ts`) and ends certified, rejected or expired. A busy
 * mesh has thousands of them pending, so each is plain data that runs this chart as a table (`runtime/chart-table.ts`) instead of an actor. What
 * has been gathered for it is kept beside the chart, in `actors/scores/pending-claims.ts`; `actors/scores/certification.ts` performs the
 * effects.
 *
 * Invariants: attested before it is announced as attested, stored before it is certified. Whatever this node itself thinks of a claim, a
 * quorum certifies it, since otherwise two honest nodes would hold different sets.
 */
import { setup } from 'xstate';
import { backoffMs, type Backoff } from '../rules/backoff.js';
import { maxMicrosteps } from '../runtime/limits.js';

const judgingAgain: Backoff = { firstMs: 2_000, longestMs: 300_000 };
/** Connections lose nothing: an announcement was received unless the other end was too busy, and asking it sooner would keep it so. */
const announcingAgain: Backoff = { firstMs: 5_000, longestMs: 300_000 };

export type ClaimEnd = 'certified' | 'rejected' | 'expired';

/** Belongs to the claim that runs the chart, which only reads it. */
export interface ClaimContext {
  /** Until no honest node attests it any more. */
  readonly expiresInMs: number;
  readonly timesJudged: number;
  readonly timesAnnounced: number;
}

export type ClaimEvent =
  /** This node judged it valid. */
  | { readonly type: 'claim.accepted' }
  /** Not valid now, but perhaps later: the client's balance may grow, a clock may catch up. */
  | { readonly type: 'claim.deferred' }
  /** Invalid for good. */
  | { readonly type: 'claim.rejected' }
  /** This node's own attestation is on disk, or it is no validator. */
  | { readonly type: 'attestation.signed' }
  /** The attestations gathered make a certificate under this node's present policy. */
  | { readonly type: 'quorum.reached' }
  | { readonly type: 'certificate.stored' }
  | { readonly type: 'certificate.notStored' };

const chart = setup({
  types: { context: {} as ClaimContext, events: {} as ClaimEvent, input: {} as ClaimContext },
  actions: {
    /** Answered at once: accepted, deferred or rejected. */
    judge: () => {},
    /** Sign an attestation and store it, or find the stored one: answered by `attestation.signed`, or `claim.rejected` where that is for another receipt. */
    sign: () => {},
    /** To every peer, with the attestations gathered so far. */
    announce: () => {},
    /** Certificate, indexes and totals in one write; it counts once that is on disk. */
    store: () => {},
  },
  delays: {
    expiresInMs: ({ context }) => context.expiresInMs,
    signMs: 30_000,
    judgeAgainMs: ({ context }) => backoffMs(judgingAgain, context.timesJudged),
    announceAgainMs: ({ context }) => backoffMs(announcingAgain, context.timesAnnounced),
    storeMs: 30_000,
    storeAgainMs: 5_000,
  },
});

export const claimMachine = chart.createMachine({
  id: 'claim',
  context: ({ input }) => input,
  options: { maxIterations: maxMicrosteps },
  initial: 'open',
  states: {
    open: {
      on: { 'quorum.reached': 'storing' },
      after: { expiresInMs: 'expired' },
      initial: 'judging',
      states: {
        judging: {
          entry: 'judge',
          on: {
            'claim.accepted': 'attesting',
            'claim.deferred': 'deferred',
            'claim.rejected': '#claim.rejected',
          },
        },
        deferred: { after: { judgeAgainMs: 'judging' } },
        attesting: {
          initial: 'signing',
          states: {
            signing: {
              entry: 'sign',
              on: {
                'attestation.signed': 'gathering',
                /** According to the disk, this node attested another receipt for this order. */
                'claim.rejected': '#claim.rejected',
              },
              after: { signMs: { target: 'signing', reenter: true } },
            },
            gathering: { entry: 'announce', after: { announceAgainMs: { target: 'gathering', reenter: true } } },
          },
        },
      },
    },
    storing: {
      entry: 'store',
      on: { 'certificate.stored': 'certified', 'certificate.notStored': 'storingAgain' },
      after: { storeMs: 'storingAgain' },
    },
    storingAgain: { on: { 'certificate.stored': 'certified' }, after: { storeAgainMs: 'storing' } },
    certified: { type: 'final' },
    rejected: { type: 'final' },
    expired: { type: 'final' },
  },
});
