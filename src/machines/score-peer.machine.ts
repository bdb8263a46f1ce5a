/**
 * A connection on the score network. Child of the score peers' supervisor, temporary: the topic dials again. Both ends
 * send a hello first. A peer that sends anything else first, or no valid hello within a few seconds, is disconnected.
 */
import { connectionMachine } from './connection.js';

/** Once open, an end with nothing new compares its set once a minute. What it sends is bounded. */
export const scorePeerMachine = connectionMachine('score-peer', {
  on: { 'connection.greeted': 'open', 'connection.refused': '#closed' },
  /** A hello needs nothing that the other end does not have at hand. */
  greetingMs: 10_000,
  silent: '#closed',
});
