/** The pace of `status`: at once on a change, but at most four times a second, and a heartbeat when nothing changes. */
import { setup, stateIn } from 'xstate';
import { limits } from '../protocol/limits.js';

export type StatusEvent = { type: 'status.changed' } | { type: 'sys.shutdown' };

export const statusMachine = setup({
  types: { events: {} as StatusEvent },
  actions: {
    /** From now on `status.changed` comes when there is news. */
    watch: () => {},
    broadcast: () => {},
  },
  guards: { hasNews: stateIn({ settling: 'changed' }) },
  delays: { heartbeatMs: limits.statusHeartbeatMs, minGapMs: limits.statusMinGapMs },
}).createMachine({
  id: 'status',
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
