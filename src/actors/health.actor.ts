/** Parent: services; permanent. Samples the machine, and writes what it makes of it to the board. */
import type { AnyActorLogic } from 'xstate';
import { healthMachine } from '../machines/health.machine.js';
import type { WorkerDeps } from './worker-ports.js';

export function createHealth({ board, sampleHealth }: WorkerDeps): AnyActorLogic {
  return healthMachine.provide({
    actions: {
      sample: ({ self }) => {
        const { length, capacity } = board.queue;
        self.send({ type: 'health.sampled', sample: { ...sampleHealth(), queue: (100 * length) / capacity } });
      },
      publish: ({ context: { score, state, capacity } }) => board.write({ health: { score, state, capacity } }),
    },
  });
}
