/**
 * A connection to one worker, as the client sees it. Child of the links supervisor, temporary: the topic dials again.
 * The worker speaks first; a connection on which nothing arrives is half-open, and is dropped.
 */
import { connectionMachine } from './connection.js';

/** Once open, the age of its last status decides whether this worker is offered requests. */
export const linkMachine = connectionMachine('link', {
  on: { 'connection.greeted': 'open' },
  /** A live worker's first status arrives within milliseconds, or a second or two over any distance. */
  greetingMs: 5_000,
  silent: '#closed',
});
