/**
 * A node's part in the score network: what others claim is judged, attested, gathered and counted. Child of services, permanent. Each pending
 * claim goes through a chart of its own (`claim.machine.ts`) inside the pipeline, which performs the effects of this machine.
 *
 * Invariant: nothing is judged before what this node attested earlier is known again, since attesting a second receipt of one order would be
 * equivocation.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { ScoreMessage } from '../protocol/score-messages.js';
import type { Claim } from '../protocol/signed-objects.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';

/** How often digests are compared with every peer, whatever gossip has brought. */
export const roundMs = 60_000;

export type ConsensusEvent =
  /** By this node's own worker; on disk already. */
  | { readonly type: 'claim.made'; readonly claim: Claim }
  /** A peer said a good hello. */
  | { readonly type: 'score.opened'; readonly peer: string }
  | { readonly type: 'score.heard'; readonly peer: string; readonly message: ScoreMessage }
  | { readonly type: 'score.closed'; readonly peer: string }
  /** By the pipeline: pledges, bans and open claims are read. */
  | { readonly type: 'pipeline.recovered' }
  | { readonly type: 'sys.shutdown' };

/** What the pipeline takes, besides the events that are passed on to it. */
export type PipelineCommand = { readonly type: 'pipeline.recover' } | { readonly type: 'pipeline.round' };

const base = setup({
  types: { events: {} as ConsensusEvent },
  actors: { pipeline: {} as GuardedLogic<undefined, AnyEventObject> },
  delays: {
    /** A disk that takes longer, or failed, is asked again. */
    recoverAgainMs: 30_000,
    roundMs,
  },
});

const chart = base.extend({
  actions: {
    forward: base.sendTo('pipeline', ({ event }) => event),
    recover: base.sendTo('pipeline', { type: 'pipeline.recover' } satisfies PipelineCommand),
    compare: base.sendTo('pipeline', { type: 'pipeline.round' } satisfies PipelineCommand),
  },
});

export const consensusMachine = chart.createMachine({
  id: 'consensus',
  options: { maxIterations: maxMicrosteps },
  invoke: { id: 'pipeline', src: 'pipeline' },
  on: {
    'claim.made': { actions: 'forward' },
    'score.opened': { actions: 'forward' },
    'score.heard': { actions: 'forward' },
    'score.closed': { actions: 'forward' },
    'sys.shutdown': '.stopped',
  },
  initial: 'recovering',
  states: {
    /** What is heard meanwhile waits in the intake, within its bounds. */
    recovering: {
      entry: 'recover',
      on: { 'pipeline.recovered': 'running' },
      after: { recoverAgainMs: { target: 'recovering', reenter: true } },
    },
    running: { after: { roundMs: { target: 'running', reenter: true, actions: 'compare' } } },
    stopped: { type: 'final' },
  },
});
