/**
 * A request in a slot, from the order to run until its one end. (While it waits it is data in the scheduler's queue: a
 * thousand waiting actors would cost more than the thousand requests.) Child of the scheduler.
 *
 * Invariant: reaches `ended` exactly once, whatever the slot does; its output says how.
 */
import { setup } from 'xstate';
import type { RunFailure, RunUsage } from './run.js';
import type { RequestRecord } from './scheduler.js';

export interface RequestInput {
  readonly record: RequestRecord;
  readonly slot: string;
  /** Until the request's own deadline; undefined has none. */
  readonly expiresInMs: number | undefined;
}

/** `lost`: the slot or its engine died. The scheduler tries again once. */
export type RequestOutcome =
  | { readonly kind: 'completed'; readonly usage: RunUsage }
  | { readonly kind: 'failed'; readonly failure: RunFailure }
  | { readonly kind: 'expired' }
  | { readonly kind: 'lost' };

export interface RequestOutput {
  readonly key: string;
  readonly slot: string;
  readonly promptTokens: number;
  readonly outcome: RequestOutcome;
}

export interface RequestContext extends RequestInput {
  readonly promptTokens: number;
  readonly outcome: RequestOutcome | undefined;
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
    /** The first token is on its way: the client's wait is over. */
    noteFirstToken: () => {},
  },
  delays: {
    /** From the order to the tokenised prompt. A slot that cannot take the run says so; this is the net under it. */
    acceptMs: 60_000,
    /** No answer takes a day. */
    runMs: 24 * 3_600_000,
    cancelMs: 15_000,
    expiresInMs: ({ context }) => context.expiresInMs ?? 2 ** 31 - 1,
  },
});

const chart = base.extend({
  actions: {
    notePrompt: base.assign(({ event }) => (event.type === 'run.started' ? { promptTokens: event.promptTokens } : {})),
    noteCompleted: base.assign(({ event }) =>
      event.type === 'run.ended' ? { outcome: { kind: 'completed', usage: event.usage } } : {},
    ),
    noteFailed: base.assign(({ event }) =>
      event.type === 'run.failed' ? { outcome: { kind: 'failed', failure: event.failure } } : {},
    ),
    noteLost: base.assign({ outcome: { kind: 'lost' } }),
    noteExpired: base.assign({ outcome: { kind: 'expired' } }),
  },
});

export const requestMachine = chart.createMachine({
  id: 'request',
  context: ({ input }) => ({ ...input, promptTokens: 0, outcome: undefined }),
  initial: 'running',
  output: ({ context }) => ({
    key: context.record.key,
    slot: context.slot,
    promptTokens: context.promptTokens,
    outcome: context.outcome ?? { kind: 'lost' },
  }),
  on: {
    'run.ended': { target: '.ended', actions: 'noteCompleted' },
    'run.failed': { target: '.ended', actions: 'noteFailed' },
    'run.lost': { target: '.ended', actions: 'noteLost' },
  },
  states: {
    running: {
      initial: 'accepting',
      on: { 'request.cancel': 'cancelling' },
      after: { expiresInMs: 'expiring', runMs: 'expiring' },
      states: {
        accepting: {
          entry: 'startRun',
          on: {
            'run.started': { target: 'prefilling', actions: 'notePrompt' },
          },
          after: { acceptMs: { target: '#request.ended', actions: 'noteLost' } },
        },
        prefilling: { on: { 'run.firstToken': { target: 'decoding', actions: 'noteFirstToken' } } },
        decoding: {},
      },
    },
    /** The client wants no more: the run ends at its next token or slice, with what it has. */
    cancelling: {
      entry: 'cancelRun',
      after: { cancelMs: { target: 'ended', actions: 'noteLost' } },
    },
    /** The request's own deadline passed in the slot. */
    expiring: {
      entry: ['cancelRun', 'noteExpired'],
      on: { 'run.ended': 'ended', 'run.failed': 'ended', 'run.lost': 'ended' },
      after: { cancelMs: 'ended' },
    },
    ended: { type: 'final' },
  },
});
