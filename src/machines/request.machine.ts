/**
 * A request in a slot, from the order to run until its one end. Child of the scheduler. (While it waits it is data in
 * the scheduler's queue: a thousand waiting actors would cost more than the thousand requests.)
 *
 * Invariant: reaches exactly one final state, exactly once, whatever the slot does, and its output says which. `lost`
 * ends the run, not necessarily the request.
 */
import { setup } from 'xstate';
import { maxMicrosteps } from '../runtime/limits.js';
import type { RunFailure, RunUsage } from './run.js';
import type { RequestRecord } from './scheduler.js';

export interface RequestInput {
  readonly record: RequestRecord;
  readonly slot: string;
  /** Until the request's deadline; undefined means none. */
  readonly expiresInMs: number | undefined;
}

/** One per final state. `lost`: the slot or its engine died; the scheduler retries once. */
export type RequestOutcome =
  | { readonly kind: 'scored'; readonly usage: RunUsage }
  | { readonly kind: 'cancelled'; readonly usage: RunUsage }
  | { readonly kind: 'failed'; readonly failure: RunFailure }
  | { readonly kind: 'expired' }
  | { readonly kind: 'lost' };

export interface RequestOutput {
  readonly key: string;
  readonly promptTokens: number;
  readonly outcome: RequestOutcome;
}

export interface RequestContext extends RequestInput {
  readonly promptTokens: number;
  readonly outcome: RequestOutcome;
}

export type RequestEvent =
  | { type: 'run.started'; promptTokens: number }
  | { type: 'run.firstToken' }
  | { type: 'run.ended'; usage: RunUsage }
  | { type: 'run.failed'; failure: RunFailure }
  | { type: 'run.lost' }
  | { type: 'request.cancel' };

const base = setup({
  types: {
    context: {} as RequestContext,
    events: {} as RequestEvent,
    input: {} as RequestInput,
    output: {} as RequestOutput,
  },
  actions: {
    startRun: () => {},
    cancelRun: () => {},
  },
  guards: {
    isCancelled: ({ event }) => event.type === 'run.ended' && event.usage.finishReason === 'cancelled',
  },
  delays: {
    /** From the order to the tokenised prompt. A slot that cannot take the run says so; this is a safety net. */
    acceptMs: 60_000,
    /** Without a deadline: no answer takes a day. */
    expiresInMs: ({ context }) => context.expiresInMs ?? 24 * 3_600_000,
    cancelMs: 15_000,
  },
});

const chart = base.extend({
  actions: {
    notePrompt: base.assign(({ event }) => (event.type === 'run.started' ? { promptTokens: event.promptTokens } : {})),
    noteScored: base.assign(({ event }) =>
      event.type === 'run.ended' ? { outcome: { kind: 'scored', usage: event.usage } } : {},
    ),
    noteCancelled: base.assign(({ event }) =>
      event.type === 'run.ended' ? { outcome: { kind: 'cancelled', usage: event.usage } } : {},
    ),
    noteFailed: base.assign(({ event }) =>
      event.type === 'run.failed' ? { outcome: { kind: 'failed', failure: event.failure } } : {},
    ),
    noteExpired: base.assign({ outcome: { kind: 'expired' } }),
  },
});

export const requestMachine = chart.createMachine({
  id: 'request',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({ ...input, promptTokens: 0, outcome: { kind: 'lost' } }),
  initial: 'running',
  output: ({ context: { record, promptTokens, outcome } }) => ({ key: record.key, promptTokens, outcome }),
  on: {
    'run.ended': [
      { guard: 'isCancelled', target: '.cancelled', actions: 'noteCancelled' },
      { target: '.scored', actions: 'noteScored' },
    ],
    'run.failed': { target: '.failed', actions: 'noteFailed' },
    'run.lost': '.lost',
  },
  states: {
    running: {
      initial: 'accepting',
      on: { 'request.cancel': 'cancelling' },
      after: { expiresInMs: 'expiring' },
      states: {
        accepting: {
          entry: 'startRun',
          on: { 'run.started': { target: 'prefilling', actions: 'notePrompt' } },
          after: { acceptMs: '#request.lost' },
        },
        prefilling: { on: { 'run.firstToken': 'decoding' } },
        decoding: {},
      },
    },
    /** The client cancelled: the run ends at its next token or slice, with what it has. */
    cancelling: { entry: 'cancelRun', after: { cancelMs: 'lost' } },
    /** The request's deadline passed in the slot, which becomes free once the run has ended. */
    expiring: {
      entry: ['cancelRun', 'noteExpired'],
      on: { 'run.ended': 'expired', 'run.failed': 'expired', 'run.lost': 'expired' },
      after: { cancelMs: 'expired' },
    },
    scored: { type: 'final' },
    failed: { type: 'final' },
    cancelled: { type: 'final' },
    expired: { type: 'final' },
    lost: { type: 'final' },
  },
});
