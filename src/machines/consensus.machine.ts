/**
 * A node's part in the score network: judges, attests, gathers and counts claims. Child of services, permanent. Each
 * pending claim has a chart of its own (`claim.machine.ts`) inside the pipeline, which performs the effects of this
 * machine.
 *
 * Invariant: nothing is judged until this node knows again what it attested earlier, since attesting a second receipt
 * of one order would be equivocation.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { ScoreMessage } from '../protocol/score-messages.js';
import type { Claim } from '../protocol/signed-objects.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';

/** How often digests are compared with every peer, in addition to gossip. */
export const roundMs = 60_000;

export type ConsensusEvent =
  /** Made by this node's own worker, and already on disk. */
  | { readonly type: 'claim.made'; readonly claim: Claim }
  /** A peer sent a valid hello. */
  | { readonly type: 'score.opened'; readonly peer: string }
  | { readonly type: 'score.heard'; readonly peer: string; readonly message: ScoreMessage }
  | { readonly type: 'score.closed'; readonly peer: string }
  /** From the pipeline: pledges, bans and open claims have been read. */
  | { readonly type: 'pipeline.recovered' }
  | { readonly type: 'sys.shutdown' };

/** Commands for the pipeline, besides the events forwarded to it. */
export type PipelineCommand = { readonly type: 'pipeline.recover' } | { readonly type: 'pipeline.round' };

const base = setup({
  types: { events: {} as ConsensusEvent },
  actors: { pipeline: {} as GuardedLogic<undefined, AnyEventObject> },
  delays: {
    /** A disk that failed or takes longer than this is asked again. */
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
    /** Messages that arrive meanwhile wait in the intake, within its limits. */
    recovering: {
      entry: 'recover',
      on: { 'pipeline.recovered': 'running' },
      after: { recoverAgainMs: { target: 'recovering', reenter: true } },
    },
    running: { after: { roundMs: { target: 'running', reenter: true, actions: 'compare' } } },
    stopped: { type: 'final' },
  },
});
