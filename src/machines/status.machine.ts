/**
 * The pace of `status`. Child of services, permanent; what it says is the board's (actors/worker/status-board.ts).
 *
 * Invariants: a change is told at once, or at the end of the gap after the last one, so at most four times a second; where nothing changes,
 * the same is told again after each heartbeat.
 */
import { setup, stateIn } from 'xstate';
import { limits } from '../protocol/limits.js';
import { maxMicrosteps } from '../runtime/limits.js';

export type StatusEvent = { type: 'status.changed' } | { type: 'sys.shutdown' };

export const statusMachine = setup({
  types: { events: {} as StatusEvent },
  actions: {
    /** From now on `status.changed` comes when there is news. */
    watch: () => {},
    broadcast: () => {},
  },
  guards: { hasNews: stateIn({ settling: 'changed' }) },
  delays: {
    /** It begins where the gap after the last one ends, and timers are late on a busy machine. */
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
    /** Something was just said. What changes now is said together at the end of the gap. */
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
