/**
 * The chart of a claim, from a sound claim (`rules/claim.ts`) to one of its ends: certified, rejected or expired. A
 * busy mesh has thousands of pending claims, so each is plain data that runs this chart as a table
 * (`runtime/chart-table.ts`) instead of an actor. What has been gathered for a claim is kept beside the chart, in
 * `actors/scores/pending-claims.ts`; `actors/scores/certification.ts` performs the effects.
 *
 * Invariants: a claim is attested before it is announced as attested, and stored before it counts as certified. A
 * quorum certifies a claim whatever this node itself thinks of it, since otherwise two honest nodes would hold
 * different sets.
 */
import { setup } from 'xstate';
import { backoffMs, type Backoff } from '../rules/backoff.js';
import { maxMicrosteps } from '../runtime/limits.js';

const judgingAgain: Backoff = { firstMs: 2_000, longestMs: 300_000 };
/**
 * Connections lose nothing: an announcement arrived, unless the other end was too busy, and repeating it sooner would
 * keep it busy.
 */
const announcingAgain: Backoff = { firstMs: 5_000, longestMs: 300_000 };

export type ClaimEnd = 'certified' | 'rejected' | 'expired';

/** Belongs to the claim that runs the chart; the chart only reads it. */
export interface ClaimContext {
  /** Until then an honest node may still attest it. */
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
  /** This node's own attestation is on disk, or this node is not a validator. */
  | { readonly type: 'attestation.signed' }
  /** The gathered attestations make a certificate under this node's current policy. */
  | { readonly type: 'quorum.reached' }
  | { readonly type: 'certificate.stored' }
  | { readonly type: 'certificate.notStored' };

const chart = setup({
  types: { context: {} as ClaimContext, events: {} as ClaimEvent, input: {} as ClaimContext },
  actions: {
    /** Answered at once by `claim.accepted`, `claim.deferred` or `claim.rejected`. */
    judge: () => {},
    /**
     * Signs and stores an attestation, or finds the stored one. Answered by `attestation.signed`, or by
     * `claim.rejected` if the stored one is for another receipt.
     */
    sign: () => {},
    /** Sends it to every peer, with the attestations gathered so far. */
    announce: () => {},
    /** Writes certificate, indexes and totals in one batch. The claim counts once that is on disk. */
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
