/**
 * A connection to one peer, as the worker sees it. Child of the peers supervisor, temporary: a connection that failed is
 * not made again from here, since the client dials.
 */
import { connectionMachine } from './connection.js';

/** Once open, a client may stay to watch. What it sends is bounded frame by frame. */
export const peerMachine = connectionMachine('peer', {
  on: { 'connection.frame': 'open' },
  /**
   * A client need not speak before it has something to ask, so this is long. It frees the places of connections whose
   * other end never came to be (docs/adr/0005-half-open-connections.md).
   */
  greetingMs: 600_000,
  silent: 'draining',
});
