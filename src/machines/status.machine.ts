/**
 * When `status` is broadcast. Child of services, permanent; the content comes from actors/worker/status-board.ts.
 *
 * Invariants: a change is sent at once, or at the end of the gap after the previous one, so at most four times a
 * second; if nothing changes, the same status is sent again at every heartbeat.
 */
import { setup, stateIn } from 'xstate';
import { limits } from '../protocol/limits.js';
import { maxMicrosteps } from '../runtime/limits.js';

export type StatusEvent = { type: 'status.changed' } | { type: 'sys.shutdown' };

export const statusMachine = setup({
  types: { events: {} as StatusEvent },
  actions: {
    /** From now on `status.changed` arrives when there is news. */
    watch: () => {},
    broadcast: () => {},
  },
  guards: { hasNews: stateIn({ settling: 'changed' }) },
  delays: {
    /** It starts at the end of the gap after the last one, and timers are late on a busy machine. */
    heartbeatMs: limits.statusHeartbeatMs - 2 * limits.statusMinGapMs,
    minGapMs: limits.statusMinGapMs,
  },
}).createMachine({
  id: 'status',
  options: { maxIterations: maxMicrosteps },
  entry: ['watch', 'broadcast'],
  initial: 'quiet',
  on: { 'sys.shutdown': '.stopped' },
  states: {
    quiet: {
      on: { 'status.changed': { target: 'settling', actions: 'broadcast' } },
      after: { heartbeatMs: { target: 'quiet', reenter: true, actions: 'broadcast' } },
    },
    /** A status was just sent. Changes are gathered and sent together at the end of the gap. */
    settling: {
      initial: 'unchanged',
      after: {
        minGapMs: [{ guard: 'hasNews', target: 'settling', reenter: true, actions: 'broadcast' }, { target: 'quiet' }],
      },
      states: { unchanged: { on: { 'status.changed': 'changed' } }, changed: {} },
    },
    stopped: { type: 'final' },
  },
});
