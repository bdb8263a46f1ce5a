/**
 * The chart of every connection: who owns the bytes, what the other end has to say first, and how it ends. A link, a peer and a score peer
 * differ only in that first word, and in what becomes of an end that never says it.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';

export type ConnectionEvent =
  /** The other end has said what makes it welcome. */
  | { readonly type: 'connection.greeted' }
  /** It said something else first, or proved nothing by it. */
  | { readonly type: 'connection.refused' }
  /** A whole frame came, of whatever kind. */
  | { readonly type: 'connection.frame' }
  | { readonly type: 'connection.closed' }
  | { readonly type: 'sys.shutdown' };

const base = setup({
  types: { events: {} as ConnectionEvent },
  actors: { connection: {} as GuardedLogic<undefined, AnyEventObject> },
  actions: {
    /** Flushes what was written, then closes. */
    endConnection: () => {},
  },
  delays: { flushMs: 1_000 },
});

export interface Handshake {
  /** The other end's first word, and where it leads. */
  readonly on: Readonly<Partial<Record<ConnectionEvent['type'], 'open' | '#closed'>>>;
  /** How long the connection is held open for an end that has said nothing yet, and where it goes then. */
  readonly greetingMs: number;
  readonly silent: 'draining' | '#closed';
}

/** @param id of the machine. */
export const connectionMachine = (id: string, { on, greetingMs, silent }: Handshake) =>
  base.extend({ delays: { greetingMs } }).createMachine({
    id,
    options: { maxIterations: maxMicrosteps },
    initial: 'connected',
    on: { 'connection.closed': '.closed' },
    states: {
      connected: {
        invoke: { id: 'connection', src: 'connection' },
        on: { 'sys.shutdown': '.draining' },
        initial: 'handshake',
        states: {
          handshake: { on, after: { greetingMs: silent } },
          /** No timeout: each machine says what watches over a connection that is open. */
          open: {},
          draining: { entry: 'endConnection', on: { 'sys.shutdown': {} }, after: { flushMs: '#closed' } },
        },
      },
      closed: { id: 'closed', type: 'final' },
    },
  });
