/**
 * Parent: services; permanent. Samples the machine and writes the resulting health to the board. Sends `queue.changed`
 * to the scheduler when the capacity changes, and the machine's use to the pace of each engine.
 */
import type { AnyActorLogic } from 'xstate';
import { healthMachine, sampleMs, type HealthInput } from '../machines/health.machine.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import type { WorkerDeps } from './worker/worker-ports.js';

export function createHealth({ board, cores, models, sampleHealth }: WorkerDeps): AnyActorLogic {
  return healthMachine.provide({
    actions: {
      sample: ({ system, self }) => {
        const { length, capacity } = board.queue;
        const { busyShare, ...machine } = sampleHealth(board.slots.busy === 0);
        const used = { type: 'machine.used', sample: { windowMs: sampleMs, othersCores: busyShare * cores } };
        for (const place of models.keys()) tell(system, names.pace(place), used, self);
        self.send({ type: 'health.sampled', sample: { ...machine, queue: (100 * length) / capacity } });
      },
      publish: ({ context: { score, state, capacity }, system, self }) => {
        const before = board.health.capacity;
        board.write({ health: { score, state, capacity } });
        if (capacity !== before) tell(system, names.scheduler, { type: 'queue.changed' }, self);
      },
    },
  });
}

export const healthInput = ({ board }: WorkerDeps): HealthInput => ({ published: () => board.health });
