/**
 * A connection on the score network. Child of the score peers' supervisor, temporary: the topic dials again. Both ends say
 * hello first; whoever has not said a good one within a few seconds, or says anything before it, is let go.
 */
import { connectionMachine } from './connection.js';

/** Once open, an end with nothing to say asks once a minute whether that is still so. What it sends is bounded. */
export const scorePeerMachine = connectionMachine('score-peer', {
  on: { 'connection.greeted': 'open', 'connection.refused': '#closed' },
  /** A hello needs nothing that the other end does not have at once. */
  greetingMs: 10_000,
  silent: '#closed',
});
