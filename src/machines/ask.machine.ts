/**
 * A request, as the client sees it: a worker is chosen, asked, and its answer taken; where the worker is lost, the next one
 * goes on from the text so far. Child of the client's asks supervisor, temporary.
 *
 * Invariants: exactly one end; the text only grows; at most `MAX_TRIES` workers are asked, never past the deadline.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';

export const MAX_TRIES = 5;

/** How a worker failed this request. */
export interface AskFailure {
  /** A wire code, or one of the client's own: `no_worker`, `worker_lost`. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

export interface Try {
  readonly worker: string;
  /** What became of it; undefined for the one that answered. */
  readonly failure: AskFailure | undefined;
}

export interface AskInput {
  /** How long to look for a worker before saying that there is none. */
  readonly patienceMs: number;
  readonly deadlineMs: number | undefined;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

export interface AskContext extends AskInput {
  readonly tries: readonly Try[];
  readonly failure: AskFailure | undefined;
}

export type AskEvent =
  | { type: 'worker.chosen'; worker: string }
  | { type: 'worker.refused'; failure: AskFailure }
  | { type: 'answer.began' }
  | { type: 'answer.ended' }
  | { type: 'answer.failed'; failure: AskFailure }
  | { type: 'ask.cancel' }
  | { type: 'sys.shutdown' };

const noWorker: AskFailure = { code: 'no_worker', message: 'No worker was found that could answer.', retryable: false };
const tooLate: AskFailure = {
  code: 'deadline_exceeded',
  message: 'The deadline of the request passed.',
  retryable: false,
};
const closed: AskFailure = { code: 'client_closed', message: 'The client was closed.', retryable: false };

const base = setup({
  types: { context: {} as AskContext, events: {} as AskEvent, input: {} as AskInput },
  /** Owns the request's entry at its worker's link, and the application's callbacks. Says `answer.…`. */
  actors: { answer: {} as GuardedLogic<undefined, AnyEventObject> },
  actions: {
    /** Picks a worker and says `worker.chosen`, or nothing where there is none yet. */
    choose: () => {},
    send: () => {},
    sendCancel: () => {},
    /** Tells the application how it ended; `undefined` is well. */
    finish: (_, _params: { failure: AskFailure | undefined }) => {},
  },
  guards: {
    mayTryAgain: ({ context, event }) =>
      event.type === 'answer.failed' && event.failure.retryable && context.tries.length < MAX_TRIES,
  },
  delays: {
    lookAgainMs: 100,
    patienceMs: ({ context }) => context.patienceMs,
    /** Never, where there is none: the longest that a timer can hold. */
    deadlineMs: ({ context }) => context.deadlineMs ?? 2 ** 31 - 1,
    cancelMs: 2_000,
    /** Full jitter. The first fail-over is at once: it is the worker that failed, not the mesh. */
    backoffMs: ({ context }) => (context.tries.length <= 1 ? 0 : context.chance() * 50 * 2 ** context.tries.length),
  },
});

const chart = base.extend({
  actions: {
    noteTry: base.assign(({ context, event }) =>
      event.type === 'worker.chosen' ? { tries: [...context.tries, { worker: event.worker, failure: undefined }] } : {},
    ),
    noteFailedTry: base.assign(({ context, event }) =>
      event.type === 'answer.failed' ? { tries: failLast(context.tries, event.failure) } : {},
    ),
    failAsTold: base.assign(({ event }) => ('failure' in event ? { failure: event.failure } : {})),
    /** Nobody is left to ask: what the last one said, or that there never was one. */
    failWithoutWorker: base.assign({ failure: ({ context }) => context.tries.at(-1)?.failure ?? noWorker }),
    failTooLate: base.assign({ failure: tooLate }),
    failClosed: base.assign({ failure: closed }),
  },
});

export const askMachine = chart.createMachine({
  id: 'ask',
  context: ({ input }) => ({ ...input, tries: [], failure: undefined }),
  invoke: { id: 'answer', src: 'answer' },
  initial: 'open',
  states: {
    open: {
      initial: 'choosing',
      on: {
        'ask.cancel': 'cancelling',
        'sys.shutdown': { target: 'failed', actions: 'failClosed' },
        'worker.refused': { target: 'failed', actions: 'failAsTold' },
        'answer.ended': 'answered',
        'answer.failed': [
          { guard: 'mayTryAgain', target: '.backingOff', actions: 'noteFailedTry' },
          { target: 'failed', actions: ['noteFailedTry', 'failAsTold'] },
        ],
      },
      after: { deadlineMs: { target: 'failed', actions: ['sendCancel', 'failTooLate'] } },
      states: {
        choosing: {
          initial: 'looking',
          on: {
            'worker.chosen': { target: 'asking', actions: 'noteTry' },
            'ask.cancel': '#ask.answered',
          },
          after: { patienceMs: { target: '#ask.failed', actions: 'failWithoutWorker' } },
          states: { looking: { entry: 'choose', after: { lookAgainMs: { target: 'looking', reenter: true } } } },
        },
        /** The worker's frames, every 250 ms at the latest, and its own deadlines bound these two. */
        asking: { entry: 'send', on: { 'answer.began': 'streaming' } },
        streaming: {},
        backingOff: { on: { 'ask.cancel': '#ask.answered' }, after: { backoffMs: 'choosing' } },
      },
    },
    /** The worker answers a cancel with what it has; one that does not is not waited for. */
    cancelling: {
      entry: 'sendCancel',
      on: { 'answer.ended': 'answered', 'answer.failed': 'answered', 'sys.shutdown': 'answered' },
      after: { cancelMs: 'answered' },
    },
    answered: { type: 'final', entry: { type: 'finish', params: { failure: undefined } } },
    failed: { type: 'final', entry: { type: 'finish', params: ({ context }) => ({ failure: context.failure }) } },
  },
});

const failLast = (tries: readonly Try[], failure: AskFailure): readonly Try[] =>
  tries.map((attempt, i) => (i === tries.length - 1 ? { ...attempt, failure } : attempt));
