/**
 * Parent: services; permanent. Receives the owner's commands from the control actor. Tells the scheduler whether it is
 * open to others, and the board what to publish.
 */
import type { AnyActorLogic } from 'xstate';
import { dutyMachine, type DutyInput } from '../machines/duty.machine.js';
import { dutyAt, ownerWord, type DutyState } from '../rules/duty.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import type { WorkerDeps } from './worker/worker-ports.js';

/** The message to clients that ask meanwhile. */
const reasons: Readonly<Record<DutyState, string>> = {
  on_duty: '',
  paused: 'The owner of this worker has paused it; ask another one.',
  off_schedule: 'This worker works by a schedule and is off duty now; ask another one.',
};

export function createDuty(deps: WorkerDeps): AnyActorLogic {
  const { ownerWord: kept, board, clock, log } = deps;
  return dutyMachine.provide({
    actions: {
      keepPause: (_, { forMs }) => kept.set(ownerWord(deps, 'pause', clock.now(), forMs)),
      keepResume: () => kept.set(ownerWord(deps, 'resume', clock.now())),
      announce: ({ system, self }, duty) => {
        if (duty.state !== board.duty.state) log.info('duty.changed', { ...duty });
        board.write({ duty });
        const open = duty.state === 'on_duty';
        tell(system, names.scheduler, { type: 'duty.changed', open, reason: reasons[duty.state] }, self);
      },
    },
  });
}

export const dutyInput = (deps: WorkerDeps): DutyInput => ({
  dutyNow: () => dutyAt(deps, deps.ownerWord.get(), deps.clock.now()),
  now: () => deps.clock.now(),
});
