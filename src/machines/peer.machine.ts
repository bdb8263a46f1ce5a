/**
 * A connection to one peer, as the worker sees it. Child of the peers supervisor, temporary: a connection that failed is
 * not made again from here, since the client dials.
 */
import { connectionSetup } from './connection.js';

export const peerMachine = connectionSetup
  .extend({
    delays: {
      /**
       * A client need not speak before it has something to ask, so this is long. It frees the places of connections whose
       * other end never came to be (docs/adr: half-open connections).
       */
      greetingMs: 600_000,
    },
  })
  .createMachine({
    id: 'peer',
    initial: 'connected',
    on: { 'connection.closed': '.closed' },
    states: {
      connected: {
        invoke: { id: 'connection', src: 'connection' },
        on: { 'sys.shutdown': '.draining' },
        initial: 'handshake',
        states: {
          handshake: { on: { 'connection.frame': 'open' }, after: { greetingMs: 'draining' } },
          /** No timeout: a client may stay to watch. What it sends is bounded frame by frame. */
          open: {},
          draining: { entry: 'endConnection', on: { 'sys.shutdown': {} }, after: { flushMs: '#peer.closed' } },
        },
      },
      closed: { type: 'final' },
    },
  });
