/**
 * Parent: services; permanent. Receives `claim.made` from the request path, and `score.opened`, `score.heard` and
 * `score.closed` from the score peers; answers them through ScorePeers. Results go to the ledger, which notifies its
 * listeners.
 *
 * 1. `pipeline.recover`: bans, pledges and open claims are read from disk. Until then messages wait.
 * 2. The pipeline (`scores/pipeline.ts`) verifies what peers send, attests claims, and counts certificates.
 * 3. `pipeline.round`: every minute digests are compared with every peer.
 */
import type { AnyActorLogic } from 'xstate';
import { consensusMachine, type ConsensusEvent, type PipelineCommand } from '../machines/consensus.machine.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import { Pipeline, type PipelineDeps } from './scores/pipeline.js';

export type ConsensusDeps = PipelineDeps;

/** How often the pipeline checks who is connected and what is due. */
const tickMs = 1_000;

export const createConsensus = (deps: ConsensusDeps): AnyActorLogic =>
  consensusMachine.provide({ actors: { pipeline: createPipeline(deps) } });

function createPipeline(deps: ConsensusDeps) {
  return guardedCallback(({ sendBack, receive, guard, after, every }) => {
    const pipeline = new Pipeline(deps, { guard, after });
    every(tickMs, () => pipeline.tick());
    receive((sent) => {
      const event = sent as ConsensusEvent | PipelineCommand;
      switch (event.type) {
        case 'pipeline.recover':
          return pipeline.recover(() => {
            pipeline.start();
            sendBack({ type: 'pipeline.recovered' });
          });
        case 'pipeline.round':
          return pipeline.round();
        case 'claim.made':
          return pipeline.claim([event.claim]);
        case 'score.opened':
          return pipeline.greet(event.peer);
        case 'score.heard':
          return pipeline.hear(event.peer, event.message);
        case 'score.closed':
          return pipeline.forget(event.peer);
        default:
      }
    });
    for (const peer of deps.scorePeers.names()) pipeline.greet(peer); // connected before a restart of this actor
  });
}
