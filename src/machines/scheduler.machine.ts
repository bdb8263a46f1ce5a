/**
 * The scheduler: admits prompts, keeps them in line, gives each free slot the next one, and sees every request to its one
 * end. Child of services; last to start and first to stop, since what it holds is what clients wait for.
 *
 * Invariants: every admitted request is in exactly one place (queue or slot) and ends exactly once; a slot is given to one
 * request at a time; while a slot may be given, nobody waits who could have it; a request that lost its slot is tried once more,
 * from the text it had.
 *
 * The chart is small because a request's own life is in request.machine.ts; what is decided here is in rules/.
 */
import { maxMicrosteps } from '../runtime/limits.js';
import { schedulerSetup } from './scheduler-actions.js';
import * as s from './scheduler.js';

const publish = { type: 'publish', params: ({ context }: { context: s.SchedulerContext }) => context } as const;

export const schedulerMachine = schedulerSetup.createMachine({
  id: 'scheduler',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => s.initialContext(input),
  entry: ['startClean', publish],
  initial: 'serving',
  on: {
    'prompt.received': [
      { guard: 'isUnfinished', actions: ['repeatPrompt', 'tellNewcomer'] },
      {
        guard: 'isFinished',
        actions: {
          type: 'repeatResult',
          params: ({ event: { account, prompt, peer } }) => ({ account, prompt, peer }),
        },
      },
      { actions: ['admitPrompt', 'dispatch', 'tellNewcomer', publish] },
    ],
    'prompt.cancelled': { actions: ['cancelOne', publish] },
    'peer.lost': { actions: ['cancelAllOfPeer', publish] },
    'slot.idle': { actions: ['noteSlot', 'dispatch', publish] },
    'slot.gone': { actions: ['forgetSlot', publish] },
    'models.held': { actions: ['noteHeld', 'dispatch', publish] },
    'model.gone': { actions: ['endOrphans', publish] },
    'run.started': { actions: 'forward' },
    'run.progress': { actions: 'tellProgress' },
    'run.firstToken': { actions: ['noteFirstToken', 'forward'] },
    'run.ended': { actions: 'forward' },
    'run.failed': { actions: 'forward' },
    'run.lost': { actions: 'forward' },
    'engine.died': { actions: 'judge' },
    'queue.changed': { actions: ['dispatch', publish] },
    'duty.changed': { actions: ['noteDuty', 'handBackOthers', publish] },
    'xstate.done.actor.*': { actions: 'settleOne' },
    'xstate.error.actor.*': { actions: 'settleCrash' },
  },
  states: {
    serving: {
      on: { 'sys.shutdown': 'draining' },
      initial: 'quiet',
      states: {
        /** Nobody waits: no timer runs. */
        quiet: { always: { guard: 'someoneWaits', target: 'lined' } },
        /** Positions are told, deadlines kept and those who have waited long raised at the pace of queue_status. */
        lined: {
          always: { guard: 'nobodyWaits', target: 'quiet' },
          after: { tickMs: { target: 'lined', reenter: true, actions: ['dispatch', 'tellLine', publish] } },
        },
      },
    },
    /** Nothing new is let in; what waits goes back to its clients, what runs may finish. */
    draining: {
      entry: ['noteDraining', 'handBack', publish],
      always: { guard: 'nothingLeft', target: 'stopped' },
      on: { 'drain.cut': 'aborting' },
      after: { drainMs: 'aborting' },
    },
    aborting: { entry: ['handBack', 'handBackRunning'], always: 'stopped' },
    stopped: { type: 'final' },
  },
});
