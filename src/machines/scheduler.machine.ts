/**
 * The scheduler: admits prompts, queues them, assigns free slots, and brings every request to exactly one end. Child of
 * services; starts last and stops first, since clients wait for what it holds.
 *
 * Invariants: every admitted request is in exactly one place (queue or slot) and ends exactly once; a slot is assigned
 * to one request at a time; while a slot is available, no request that could use it waits; a request that lost its slot
 * is retried once, from the text it had.
 *
 * The chart is small: a running request has its own in request.machine.ts, and the decisions are in rules/.
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
        /**
         * At the pace of queue_status: starts what can start, ends what has expired, raises those that have waited
         * long, and tells each client its place.
         */
        lined: {
          always: { guard: 'nobodyWaits', target: 'quiet' },
          after: { tickMs: { target: 'lined', reenter: true, actions: ['dispatch', 'tellLine', publish] } },
        },
      },
    },
    /** Admits nothing. Waiting requests are handed back to their clients; running ones may finish. */
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
