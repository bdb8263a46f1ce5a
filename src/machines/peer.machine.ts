/**
 * A connection to one peer, as the worker sees it. Child of the peers supervisor, temporary: a failed connection is not
 * restored from here, since the client dials.
 */
import { connectionMachine } from './connection.js';

/** Once open, a client may stay and watch. What it sends is bounded frame by frame. */
export const peerMachine = connectionMachine('peer', {
  on: { 'connection.frame': 'open' },
  /**
   * Long, because a client need not send anything until it has a question. The limit frees places held by connections
   * whose other end never came up (docs/adr/0005-half-open-connections.md).
   */
  greetingMs: 600_000,
  silent: 'draining',
});
