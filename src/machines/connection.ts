/** What the charts of all connections share: who owns the bytes, how one is ended, and what is heard of it. */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';

export type ConnectionEvent =
  /** The other end has said what makes it welcome. */
  | { readonly type: 'connection.greeted' }
  /** It said something else first, or proved nothing by it. */
  | { readonly type: 'connection.refused' }
  /** A whole frame came, of whatever kind. */
  | { readonly type: 'connection.frame' }
  | { readonly type: 'connection.closed' }
  | { readonly type: 'sys.shutdown' };

/** To be extended by `greetingMs`: how long a connection is held open for somebody who has said nothing yet. */
export const connectionSetup = setup({
  types: { events: {} as ConnectionEvent },
  actors: { connection: {} as GuardedLogic<undefined, AnyEventObject> },
  actions: {
    /** Flushes what was written, then closes. */
    endConnection: () => {},
  },
  delays: { flushMs: 1_000 },
});
