/**
 * A connection to one worker, as the client sees it. Child of the links supervisor, temporary: the topic dials again.
 * A worker speaks first; a connection on which nothing comes is half open, and dropped.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';

export type LinkEvent = { type: 'connection.greeted' } | { type: 'connection.closed' } | { type: 'sys.shutdown' };

export const linkMachine = setup({
  types: { events: {} as LinkEvent },
  actors: { connection: {} as GuardedLogic<undefined, AnyEventObject> },
  actions: { endConnection: () => {} },
  delays: {
    /** The first status of a worker that is there comes within milliseconds, over any distance within a second or two. */
    greetingMs: 5_000,
    flushMs: 1_000,
  },
}).createMachine({
  id: 'link',
  initial: 'connected',
  on: { 'connection.closed': '.closed' },
  states: {
    connected: {
      invoke: { id: 'connection', src: 'connection' },
      on: { 'sys.shutdown': '.draining' },
      initial: 'handshake',
      states: {
        handshake: { on: { 'connection.greeted': 'open' }, after: { greetingMs: '#link.closed' } },
        /** No timeout: freshness of the status says whether this worker is offered requests. */
        open: {},
        draining: { entry: 'endConnection', on: { 'sys.shutdown': {} }, after: { flushMs: '#link.closed' } },
      },
    },
    closed: { type: 'final' },
  },
});
