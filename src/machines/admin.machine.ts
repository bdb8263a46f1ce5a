/**
 * The admin page of a worker: its HTTP server. Child of services, permanent. A worker whose address is taken works on without a page,
 * says so once, and tries again: whoever held the port may leave.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

export interface AdminContext {
  /** Where it listens; undefined while it does not. */
  readonly address: string | undefined;
  /** In a row. */
  readonly failures: number;
}

export type AdminEvent =
  | { readonly type: 'admin.listening'; readonly address: string }
  | { readonly type: 'admin.failed'; readonly error: Error }
  | { readonly type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as AdminContext, events: {} as AdminEvent },
  actors: { server: {} as GuardedLogic<undefined, AnyEventObject> },
  guards: { isFirstFailure: ({ context }) => context.failures === 0 },
  actions: {
    announce: (_, _params: { address: string }) => {},
    reportFailure: (_, _params: { error: Error }) => {},
  },
  delays: {
    openMs: 10_000,
    backoffMs: ({ context }) => Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (context.failures - 1)),
  },
});

const chart = base.extend({
  actions: {
    noteAddress: base.assign(({ event }) =>
      event.type === 'admin.listening' ? { address: event.address, failures: 0 } : {},
    ),
    countFailure: base.assign({ address: undefined, failures: ({ context }) => context.failures + 1 }),
  },
});

export const adminMachine = chart.createMachine({
  id: 'admin',
  context: { address: undefined, failures: 0 },
  initial: 'open',
  on: { 'sys.shutdown': '.closed' },
  states: {
    open: {
      invoke: { id: 'server', src: 'server' },
      initial: 'opening',
      on: {
        'admin.failed': [
          {
            guard: 'isFirstFailure',
            target: 'backingOff',
            actions: [{ type: 'reportFailure', params: ({ event }) => ({ error: event.error }) }, 'countFailure'],
          },
          { target: 'backingOff', actions: 'countFailure' },
        ],
      },
      states: {
        opening: {
          on: {
            'admin.listening': {
              target: 'listening',
              actions: ['noteAddress', { type: 'announce', params: ({ event }) => ({ address: event.address }) }],
            },
          },
          after: { openMs: { target: '#admin.backingOff', actions: 'countFailure' } },
        },
        /** No timeout: it serves whoever looks. */
        listening: {},
      },
    },
    backingOff: { after: { backoffMs: 'open' } },
    closed: { type: 'final' },
  },
});
