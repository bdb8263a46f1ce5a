/**
 * The score network's conscience: what others claim is judged, attested, gathered and counted. Child of services, permanent. The
 * claims in flight each go through a chart of their own (receipt.machine.ts), in the docket, the effects of this one.
 *
 * Invariant: nothing is judged before what this node attested earlier is known again, for a promise given twice is a lie.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { ScoreMessage } from '../protocol/score-messages.js';
import type { Claim } from '../protocol/signed-objects.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';

/** Then digests are compared with every peer, whatever gossip has brought. */
export const roundMs = 60_000;

export type ConsensusEvent =
  /** By this node's own worker; on the disk already. */
  | { readonly type: 'claim.made'; readonly claim: Claim }
  /** A peer said a good hello. */
  | { readonly type: 'score.opened'; readonly peer: string }
  | { readonly type: 'score.heard'; readonly peer: string; readonly message: ScoreMessage }
  | { readonly type: 'score.closed'; readonly peer: string }
  /** By the docket: pledges, bans and open claims are read. */
  | { readonly type: 'ledger.recalled' }
  | { readonly type: 'sys.shutdown' };

/** What the docket takes, besides the events that are passed on to it. */
export type DocketCommand = { readonly type: 'docket.recall' } | { readonly type: 'docket.round' };

const base = setup({
  types: { events: {} as ConsensusEvent },
  actors: { docket: {} as GuardedLogic<undefined, AnyEventObject> },
  delays: {
    /** A disk that takes longer is asked again. */
    recallAgainMs: 30_000,
    roundMs,
  },
});

const chart = base.extend({
  actions: {
    forward: base.sendTo('docket', ({ event }) => event),
    recall: base.sendTo('docket', { type: 'docket.recall' } satisfies DocketCommand),
    compare: base.sendTo('docket', { type: 'docket.round' } satisfies DocketCommand),
  },
});

export const consensusMachine = chart.createMachine({
  id: 'consensus',
  options: { maxIterations: maxMicrosteps },
  invoke: { id: 'docket', src: 'docket' },
  on: {
    'claim.made': { actions: 'forward' },
    'score.opened': { actions: 'forward' },
    'score.heard': { actions: 'forward' },
    'score.closed': { actions: 'forward' },
    'sys.shutdown': '.stopped',
  },
  initial: 'recalling',
  states: {
    /** What is heard meanwhile waits, within its bounds. */
    recalling: {
      entry: 'recall',
      on: { 'ledger.recalled': 'gathering' },
      after: { recallAgainMs: { target: 'recalling', reenter: true } },
    },
    gathering: { after: { roundMs: { target: 'gathering', reenter: true, actions: 'compare' } } },
    stopped: { type: 'final' },
  },
});
