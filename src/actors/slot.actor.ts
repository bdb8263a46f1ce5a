/**
 * Parent: an engine's slots supervisor; permanent. Receives runs from the scheduler and reports on them from the
 * engine. Sends orders to the engine, and offers and ends to the scheduler.
 */
import type { AnyActorLogic } from 'xstate';
import { slotMachine } from '../machines/slot.machine.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';

/** @param isReserve the sequence beyond the slots */
export function createSlot(model: number, slot: number, isReserve: boolean): AnyActorLogic {
  const engine = names.engine(model);
  const name = names.slot(model, slot);
  return slotMachine.provide({
    actions: {
      greetEngine: ({ system, self }) => tell(system, engine, { type: 'slot.hello', slot }, self),
      offer: ({ context, system, self }) =>
        tell(system, names.scheduler, { type: 'slot.idle', slot: name, model: context.model, isReserve }, self),
      withdraw: ({ event, system, self }) => {
        if (event.type !== 'slot.run') tell(system, names.scheduler, { type: 'slot.gone', slot: name }, self);
      },
      startRun: ({ system, self }, { order }) => tell(system, engine, { type: 'slot.order', slot, order }, self),
      cancelRun: ({ system, self }) => tell(system, engine, { type: 'slot.cancel', slot }, self),
      report: ({ event, system, self }) => tell(system, names.scheduler, event, self),
      refuse: ({ system, self }, { order }) =>
        tell(system, names.scheduler, { type: 'run.lost', run: order.run }, self),
      reportLost: ({ context, system, self }) => {
        if (context.run !== undefined) tell(system, names.scheduler, { type: 'run.lost', run: context.run }, self);
      },
      restartEngine: ({ system, self }) =>
        tell(system, engine, { type: 'engine.restart', reason: `slot ${slot} gave no sign for too long` }, self),
    },
  });
}
