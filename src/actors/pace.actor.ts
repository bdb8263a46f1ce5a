/**
 * Parent: the engine's group, after its slots; permanent. Receives processor use by the engine and the machine. Tells
 * the engine how many threads to use.
 */
import type { AnyActorLogic } from 'xstate';
import { paceMachine } from '../machines/pace.machine.js';
import type { PaceLimits } from '../rules/pace.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import type { WorkerDeps } from './worker/worker-ports.js';

export const paceInput = ({ cores, engine }: WorkerDeps): PaceLimits => ({
  cores,
  maxThreads: engine.threads ?? cores,
});

export function createPace({ log }: WorkerDeps, place: number): AnyActorLogic {
  return paceMachine.provide({
    actions: {
      setThreads: ({ context: { pace }, system, self }) => {
        log.debug('engine.pace', { engine: place, threads: pace.threads });
        tell(system, names.engine(place), { type: 'pace.changed', threads: pace.threads }, self);
      },
    },
  });
}
