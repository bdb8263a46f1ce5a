/**
 * A connection to one worker, as the client sees it. Child of the links supervisor, temporary: the topic dials again.
 * A worker speaks first; a connection on which nothing comes is half open, and dropped.
 */
import { connectionMachine } from './connection.js';

/** Once open, the freshness of its status says whether this worker is offered requests. */
export const linkMachine = connectionMachine('link', {
  on: { 'connection.greeted': 'open' },
  /** The first status of a worker that is there comes within milliseconds, over any distance within a second or two. */
  greetingMs: 5_000,
  silent: '#closed',
});
