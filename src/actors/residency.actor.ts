/**
 * Parent: services, before the engines; permanent. Learns from engines what they hold, and from the scheduler what is
 * requested. Tells engines to load and unload, and the scheduler in which models to start nothing new.
 */
import type { AnyActorLogic } from 'xstate';
import { residencyMachine, type ResidencyInput } from '../machines/residency.machine.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import type { WorkerDeps } from './worker/worker-ports.js';

export function createResidency({ board, models }: WorkerDeps): AnyActorLogic {
  return residencyMachine.provide({
    actions: {
      askEngines: ({ system, self }) =>
        models.forEach((_, place) => tell(system, names.engine(place), { type: 'residence.asked' }, self)),
      hold: ({ system, self }, { models: held }) =>
        tell(system, names.scheduler, { type: 'models.held', models: held }, self),
      carryOut: ({ context, system, self }, { load, unload }) => {
        for (const [place, { residence }] of context.residents)
          if (residence === 'parked' && !load.includes(place))
            tell(system, names.engine(place), { type: 'engine.stays' }, self);
        for (const place of unload) tell(system, names.engine(place), { type: 'engine.unload' }, self);
        for (const place of load) tell(system, names.engine(place), { type: 'engine.load' }, self);
      },
      publish: (_, { residents }) => board.noteResidents([...residents.values()]),
    },
  });
}

export const residencyInput = ({ modelMemoryBytes, clock }: WorkerDeps): ResidencyInput => ({
  budgetBytes: modelMemoryBytes,
  monotonicMs: () => clock.monotonicMs(),
});
