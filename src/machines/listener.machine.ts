/**
 * A server for this worker's owner: the admin page on its address, or the control channel on its socket. Child of
 * services, permanent. If the address is taken the worker runs without it, reports that once, and keeps retrying, since
 * the holder may leave.
 *
 * Invariants: one server at a time; of several failures in a row only the first is reported.
 */
import { setup, type AnyEventObject } from 'xstate';
import { backoffMs, type Backoff } from '../rules/backoff.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';

const reopening: Backoff = { firstMs: 1_000, longestMs: 60_000 };

export interface ListenerContext {
  readonly failures: number;
}

export type ListenerEvent =
  | { readonly type: 'listener.listening'; readonly address: string }
  | { readonly type: 'listener.failed'; readonly error: Error }
  | { readonly type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as ListenerContext, events: {} as ListenerEvent },
  actors: { server: {} as GuardedLogic<undefined, AnyEventObject> },
  guards: { isFirstFailure: ({ context }) => context.failures === 0 },
  actions: {
    announce: (_, _params: { address: string }) => {},
    reportFailure: (_, _params: { error: Error }) => {},
  },
  delays: {
    openMs: 10_000,
    backoffMs: ({ context }) => backoffMs(reopening, context.failures),
  },
});

const chart = base.extend({
  actions: {
    countFailure: base.assign({ failures: ({ context }) => context.failures + 1 }),
    forgetFailures: base.assign({ failures: 0 }),
  },
});

export const listenerMachine = chart.createMachine({
  id: 'listener',
  options: { maxIterations: maxMicrosteps },
  context: { failures: 0 },
  initial: 'open',
  on: { 'sys.shutdown': '.closed' },
  states: {
    open: {
      invoke: { id: 'server', src: 'server' },
      initial: 'opening',
      on: {
        'listener.failed': [
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
            'listener.listening': {
              target: 'listening',
              actions: ['forgetFailures', { type: 'announce', params: ({ event }) => ({ address: event.address }) }],
            },
          },
          after: { openMs: { target: '#listener.backingOff', actions: 'countFailure' } },
        },
        /** No timeout: it serves whoever connects. */
        listening: {},
      },
    },
    backingOff: { after: { backoffMs: 'open' } },
    closed: { type: 'final' },
  },
});
