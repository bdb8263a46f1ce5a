/**
 * A connection to one worker, as the client sees it. Child of the links supervisor, temporary: the topic dials again.
 * A worker speaks first; a connection on which nothing comes is half open, and dropped.
 */
import { connectionSetup } from './connection.js';

export const linkMachine = connectionSetup
  .extend({
    delays: {
      /** The first status of a worker that is there comes within milliseconds, over any distance within a second or two. */
      greetingMs: 5_000,
    },
  })
  .createMachine({
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
