/**
 * A connection on the score network. Child of the score peers' supervisor, temporary: the topic dials again. Both ends say
 * hello first; whoever has not said a good one within a few seconds, or says anything before it, is let go.
 */
import { connectionSetup } from './connection.js';

export const scorePeerMachine = connectionSetup
  .extend({
    delays: {
      /** A hello needs nothing that the other end does not have at once. */
      greetingMs: 10_000,
    },
  })
  .createMachine({
    id: 'score-peer',
    initial: 'connected',
    on: { 'connection.closed': '.closed' },
    states: {
      connected: {
        invoke: { id: 'connection', src: 'connection' },
        on: { 'sys.shutdown': '.draining' },
        initial: 'handshake',
        states: {
          handshake: {
            on: { 'connection.greeted': 'open', 'connection.refused': '#score-peer.closed' },
            after: { greetingMs: '#score-peer.closed' },
          },
          /** No timeout: who has nothing to say asks once a minute whether that is still so. What it sends is bounded. */
          open: {},
          draining: { entry: 'endConnection', on: { 'sys.shutdown': {} }, after: { flushMs: '#score-peer.closed' } },
        },
      },
      closed: { type: 'final' },
    },
  });
