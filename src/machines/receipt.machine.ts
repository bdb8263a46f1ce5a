/**
 * A claim on its way to become a certificate. It begins as a sound claim (`rules/claim.ts`) and ends certified, rejected or
 * expired. One for each claim in flight, run by the consensus actor; the claims that wait are data on the disk.
 *
 * Invariants: attested before it is offered, stored before it is certified; whatever this node itself thinks of a claim, a
 * quorum of others certifies it, for otherwise two honest nodes would hold different sets.
 */
import { setup } from 'xstate';
import { limits } from '../protocol/limits.js';
import { backoffMs, type Backoff } from '../rules/backoff.js';
import { verdictRules, type Verdict } from '../rules/verdicts.js';
import { MAX_MICROSTEPS } from '../runtime/limits.js';

const judgingAgain: Backoff = { firstMs: 2_000, longestMs: 300_000 };
/** Connections lose nothing: what was told was heard, unless the other end was too busy. Asking it sooner would keep it so. */
const offeringAgain: Backoff = { firstMs: 5_000, longestMs: 300_000 };

export type ReceiptEnd = 'certified' | 'rejected' | 'expired';

export interface ReceiptInput {
  /** Of the receipt. */
  readonly hash: string;
  /** Until no honest node attests it any more. */
  readonly expiresInMs: number;
  /** Validators of this node's quorum whose attestations came with it, each checked. */
  readonly attestedBy: readonly string[];
}

export interface ReceiptContext extends ReceiptInput {
  /** What this node found last. */
  readonly verdict: Verdict | undefined;
  readonly timesJudged: number;
  readonly timesOffered: number;
  readonly end: ReceiptEnd | undefined;
}

export type ReceiptEvent =
  | { readonly type: 'receipt.judged'; readonly verdict: Verdict }
  /** This node's own attestation is on the disk. Nobody in it where this node is no validator. */
  | { readonly type: 'receipt.signed'; readonly validators: readonly string[] }
  /** By other validators of this node's quorum, and checked. */
  | { readonly type: 'receipt.attested'; readonly validators: readonly string[] }
  /** Others appeared, or left: the quorum may be another one now. */
  | { readonly type: 'quorum.changed' }
  | { readonly type: 'receipt.stored' }
  | { readonly type: 'receipt.notStored' };

export interface ReceiptOutput {
  readonly hash: string;
  readonly end: ReceiptEnd | undefined;
  readonly verdict: Verdict | undefined;
}

const base = setup({
  types: {
    context: {} as ReceiptContext,
    events: {} as ReceiptEvent,
    input: {} as ReceiptInput,
    output: {} as ReceiptOutput,
  },
  guards: {
    /** Whether those who attested make a certificate by this node's policy, as it is now. */
    hasQuorum: () => false,
    isValid: ({ event }) => event.type === 'receipt.judged' && event.verdict === 'valid',
    isFinal: ({ event }) => event.type === 'receipt.judged' && verdictRules[event.verdict].isFinal,
  },
  actions: {
    /** Answered by `receipt.judged`. */
    judge: () => {},
    /** Sign it and store that, or find it in the store: answered by `receipt.signed`. */
    sign: () => {},
    /** To every peer, with what has gathered of attestations. */
    offer: () => {},
    /** Certificate, indexes and totals in one step on the disk, and only then counted: answered by `receipt.stored`. */
    store: () => {},
  },
  delays: {
    expiresInMs: ({ context }) => context.expiresInMs,
    judgeMs: 30_000,
    signMs: 30_000,
    judgeAgainMs: ({ context }) => backoffMs(judgingAgain, context.timesJudged),
    offerAgainMs: ({ context }) => backoffMs(offeringAgain, context.timesOffered),
    storeMs: 30_000,
    storeAgainMs: 5_000,
  },
});

const chart = base.extend({
  actions: {
    noteVerdict: base.assign(({ context, event }) =>
      event.type === 'receipt.judged' ? { verdict: event.verdict, timesJudged: context.timesJudged + 1 } : {},
    ),
    noteUnjudged: base.assign({ timesJudged: ({ context }) => context.timesJudged + 1 }),
    noteAttested: base.assign(({ context, event }) => {
      if (event.type !== 'receipt.attested' && event.type !== 'receipt.signed') return {};
      const all = new Set([...context.attestedBy, ...event.validators]);
      return { attestedBy: [...all].slice(0, limits.maxAttestations) };
    }),
    noteCertified: base.assign({ end: 'certified' }),
    noteRejected: base.assign({ end: 'rejected' }),
    noteExpired: base.assign({ end: 'expired' }),
    countOffer: base.assign({ timesOffered: ({ context }) => context.timesOffered + 1 }),
  },
});

export const receiptMachine = chart.createMachine({
  id: 'receipt',
  context: ({ input }) => ({ ...input, verdict: undefined, timesJudged: 0, timesOffered: 0, end: undefined }),
  options: { maxIterations: MAX_MICROSTEPS },
  output: ({ context: { hash, end, verdict } }) => ({ hash, end, verdict }),
  initial: 'open',
  on: { 'receipt.attested': { actions: 'noteAttested' } },
  states: {
    open: {
      always: { guard: 'hasQuorum', target: 'recording' },
      on: { 'quorum.changed': {} },
      after: { expiresInMs: 'expired' },
      initial: 'claimed',
      states: {
        claimed: {
          entry: 'judge',
          on: {
            'receipt.judged': [
              { guard: 'isValid', target: 'attesting', actions: 'noteVerdict' },
              { guard: 'isFinal', target: '#receipt.rejected', actions: 'noteVerdict' },
              { target: 'postponed', actions: 'noteVerdict' },
            ],
          },
          after: { judgeMs: { target: 'postponed', actions: 'noteUnjudged' } },
        },
        /** Not now, and perhaps later: the client's balance may grow, a clock may catch up. */
        postponed: { after: { judgeAgainMs: 'claimed' } },
        attesting: {
          initial: 'signing',
          states: {
            signing: {
              entry: 'sign',
              on: {
                'receipt.signed': { target: 'offering', actions: 'noteAttested' },
                /** The disk knows of another receipt for this order that this node attested. */
                'receipt.judged': [
                  { guard: 'isValid' },
                  { guard: 'isFinal', target: '#receipt.rejected', actions: 'noteVerdict' },
                ],
              },
              after: { signMs: { target: 'signing', reenter: true } },
            },
            offering: {
              entry: ['offer', 'countOffer'],
              after: { offerAgainMs: { target: 'offering', reenter: true } },
            },
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
    certified: { type: 'final', entry: 'noteCertified' },
    rejected: { type: 'final', entry: 'noteRejected' },
    expired: { type: 'final', entry: 'noteExpired' },
  },
});
