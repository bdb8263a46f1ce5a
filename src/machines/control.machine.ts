/**
 * The control channel of a worker: the socket in its home through which its owner's commands come. Child of services, permanent. A
 * worker whose socket cannot be had works on, says so once, and tries again: only its owner misses it.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

export interface ControlContext {
  /** In a row. */
  readonly failures: number;
}

export type ControlEvent =
  | { readonly type: 'control.listening' }
  | { readonly type: 'control.failed'; readonly error: Error }
  | { readonly type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as ControlContext, events: {} as ControlEvent },
  actors: { server: {} as GuardedLogic<undefined, AnyEventObject> },
  guards: { isFirstFailure: ({ context }) => context.failures === 0 },
  actions: { reportFailure: (_, _params: { error: Error }) => {} },
  delays: { backoffMs: ({ context }) => Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (context.failures - 1)) },
});

const chart = base.extend({
  actions: {
    countFailure: base.assign({ failures: ({ context }) => context.failures + 1 }),
    settle: base.assign({ failures: 0 }),
  },
});

export const controlMachine = chart.createMachine({
  id: 'control',
  context: { failures: 0 },
  initial: 'open',
  on: { 'sys.shutdown': '.closed' },
  states: {
    open: {
      invoke: { id: 'server', src: 'server' },
      initial: 'opening',
      on: {
        'control.failed': [
          {
            guard: 'isFirstFailure',
            target: 'backingOff',
            actions: [{ type: 'reportFailure', params: ({ event }) => ({ error: event.error }) }, 'countFailure'],
          },
          { target: 'backingOff', actions: 'countFailure' },
        ],
      },
      states: {
        /** No timeout: binding a local socket succeeds or fails at once. */
        opening: { on: { 'control.listening': 'listening' } },
        listening: { entry: 'settle' },
      },
    },
    backingOff: { after: { backoffMs: 'open' } },
    closed: { type: 'final' },
  },
});
