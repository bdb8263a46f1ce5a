/**
 * The chart shared by every connection: who owns the bytes, what the other end must send first, and how it ends. Links,
 * peers and score peers differ only in that first message, and in what happens to an end that never sends it.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';

export type ConnectionEvent =
  /** The other end identified itself. */
  | { readonly type: 'connection.greeted' }
  /** It sent something else first, or a greeting that does not verify. */
  | { readonly type: 'connection.refused' }
  /** A complete frame arrived, of any kind. */
  | { readonly type: 'connection.frame' }
  | { readonly type: 'connection.closed' }
  | { readonly type: 'sys.shutdown' };

const base = setup({
  types: { events: {} as ConnectionEvent },
  actors: { connection: {} as GuardedLogic<undefined, AnyEventObject> },
  actions: {
    /** Flushes pending writes, then closes. */
    endConnection: () => {},
  },
  delays: { flushMs: 1_000 },
});

export interface Handshake {
  /** The other end's first message, and the state it leads to. */
  readonly on: Readonly<Partial<Record<ConnectionEvent['type'], 'open' | '#closed'>>>;
  /** How long an end may stay silent at first, and the state that follows. */
  readonly greetingMs: number;
  readonly silent: 'draining' | '#closed';
}

/** @param id of the machine */
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
          /** No timeout: each machine says what watches an open connection. */
          open: {},
          draining: { entry: 'endConnection', on: { 'sys.shutdown': {} }, after: { flushMs: '#closed' } },
        },
      },
      closed: { id: 'closed', type: 'final' },
    },
  });
