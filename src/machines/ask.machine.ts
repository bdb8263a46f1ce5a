/**
 * One request, as the client sees it: choose a worker, send the prompt, take the answer. If the worker is lost, the
 * next one continues from the text so far. Child of the client's asks supervisor, temporary.
 *
 * A worker that falls silent or stops making progress is only **doubted** at first. The request moves to another worker
 * at once if there is one; otherwise the doubted worker may still recover. So a request never gives up its only worker
 * before its patience runs out.
 *
 * A queued request **moves** as soon as another worker promises a free slot and an earlier end. That is not a failure.
 *
 * Invariants: exactly one end; one worker at a time; the text only grows; no move once an answer has begun; at most
 * `maxTries` workers are tried, plus `maxMoves` left by moving, then the local model if there is a fallback; never past
 * the deadline.
 */
import { setup, type AnyEventObject } from 'xstate';
import { limits } from '../protocol/limits.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';
import * as a from './ask.js';

export interface AskInput {
  /** How long to look for a worker before giving up. */
  readonly patienceMs: number;
  readonly deadlineMs: number | undefined;
  /** Whether a local model answers if no worker is left. */
  readonly hasFallback: boolean;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

export interface AskContext extends AskInput {
  readonly tries: readonly a.Try[];
  readonly failure: a.AskFailure | undefined;
  /** Why the current worker is in doubt. */
  readonly doubt: a.AskFailure | undefined;
  /** Sent to the current worker with the prompt. */
  readonly proof: a.Proof | undefined;
  /** Shown to the current worker. */
  readonly proofs: number;
  readonly isLocal: boolean;
}

export type AskEvent =
  | { type: 'worker.chosen'; worker: string }
  | { type: 'worker.refused'; failure: a.AskFailure }
  | { type: 'answer.queued' }
  | { type: 'answer.placed' }
  | { type: 'answer.began' }
  | { type: 'answer.doubted'; doubt: a.AskFailure }
  | { type: 'answer.resumed' }
  | { type: 'answer.ended' }
  | { type: 'answer.failed'; failure: a.AskFailure }
  | { type: 'work.done'; proof: a.Proof | undefined }
  | { type: 'ask.cancel' }
  | { type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as AskContext, events: {} as AskEvent, input: {} as AskInput },
  /**
   * Owns the request's entry at its worker's link, and the application's callbacks. Sends `answer.…`. On exit it
   * cancels the request at a worker that still has it.
   */
  actors: { answer: {} as GuardedLogic<undefined, AnyEventObject> },
  actions: {
    /** Picks a worker and sends `worker.chosen`; sends nothing while there is none. */
    choose: () => {},
    /** The same for a queued request, but only for a worker where it would end earlier. */
    chooseElsewhere: () => {},
    send: () => {},
    sendCancel: () => {},
    /** Cancels at the current worker and ignores whatever it still sends. Counts as a failure. */
    abandon: () => {},
    /** The same, but not counted as a failure. */
    withdraw: () => {},
    /** Computes the required proof of work; sends `work.done`. */
    solve: () => {},
    stopSolving: () => {},
    /** Starts the local model; sends `worker.chosen` or `worker.refused`. */
    startLocal: () => {},
    stopStartingLocal: () => {},
    /** Tells the application the outcome; `undefined` is success. */
    finish: (_, _params: { failure: a.AskFailure | undefined }) => {},
  },
  guards: {
    isAskedForWork: ({ context, event }) => event.type === 'answer.failed' && a.mayProve(event.failure, context.proofs),
    mayTryAgain: ({ context, event }) =>
      event.type === 'answer.failed' &&
      a.maySucceedElsewhere(event.failure) &&
      !context.isLocal &&
      a.isTryLeft(context.tries),
    mayAskAnother: ({ context }) => !context.isLocal && a.isTryLeft(context.tries),
    mayMove: ({ context }) => !context.isLocal && a.isMoveLeft(context.tries),
    mayFallBack: ({ context }) => context.hasFallback && !context.isLocal,
    /** No worker is left, although nothing is wrong with the request itself. */
    mayFallBackFrom: ({ context, event }) =>
      'failure' in event && a.maySucceedElsewhere(event.failure) && context.hasFallback && !context.isLocal,
    isProven: ({ event }) => event.type === 'work.done' && event.proof !== undefined,
  },
  delays: {
    lookAgainMs: 100,
    /** Workers report no news of themselves or of their queue more often than this. */
    lookElsewhereMs: Math.max(limits.statusMinGapMs, limits.queueStatusMinGapMs),
    patienceMs: ({ context }) => context.patienceMs,
    doubtMs: ({ context }) => a.doubtMs(context.doubt, context.patienceMs, context.hasFallback),
    /** Without a deadline, the longest delay a timer can hold. */
    deadlineMs: ({ context }) => Math.min(context.deadlineMs ?? limits.maxDeadlineMs, limits.maxDeadlineMs),
    cancelMs: 2_000,
    backoffMs: ({ context }) => a.backoffMs(context.tries, context.chance()),
    /** A challenge expires after this. */
    workMs: 60_000,
    /** Enough for a large model on a slow disk. */
    localStartMs: 120_000,
  },
});

const chart = base.extend({
  actions: {
    noteTry: base.assign(({ context, event }) =>
      event.type === 'worker.chosen'
        ? { tries: [...context.tries, { worker: event.worker, failure: undefined }], proof: undefined, proofs: 0 }
        : {},
    ),
    noteFailedTry: base.assign(({ context, event }) =>
      event.type === 'answer.failed'
        ? { tries: a.withLastFailed(context.tries, a.reasonOf(event.failure, context.doubt)), doubt: undefined }
        : {},
    ),
    noteMove: base.assign(({ context }) => ({ tries: a.withLastFailed(context.tries, a.moved) })),
    noteDoubt: base.assign(({ event }) => (event.type === 'answer.doubted' ? { doubt: event.doubt } : {})),
    noteDoubtedTry: base.assign(({ context }) =>
      context.doubt === undefined
        ? {}
        : { tries: a.withLastFailed(context.tries, context.doubt), failure: context.doubt, doubt: undefined },
    ),
    forgetDoubt: base.assign({ doubt: undefined }),
    noteProof: base.assign(({ context, event }) =>
      event.type === 'work.done' ? { proof: event.proof, proofs: context.proofs + 1 } : {},
    ),
    /** Treats the worker's demand as a final refusal. */
    giveUpProof: base.raise(({ context }) => ({
      type: 'answer.failed',
      failure: a.withoutWork(context.failure ?? a.failures.noWorker),
    })),
    noteLocal: base.assign({ isLocal: true }),
    failAsTold: base.assign(({ event }) => ('failure' in event ? { failure: event.failure } : {})),
    /** No worker is left: fails with what the last one said, or with the fact that there was none. */
    failWithoutWorker: base.assign({ failure: ({ context }) => context.tries.at(-1)?.failure ?? a.failures.noWorker }),
    failTooSlow: base.assign({ failure: a.failures.tooSlow }),
    failTooLate: base.assign({ failure: a.failures.tooLate }),
    failClosed: base.assign({ failure: a.failures.closed }),
  },
});

const lookAgain = { after: { lookAgainMs: { target: 'looking', reenter: true } } } as const;

export const askMachine = chart.createMachine({
  id: 'ask',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({
    ...input,
    tries: [],
    failure: undefined,
    doubt: undefined,
    proof: undefined,
    proofs: 0,
    isLocal: false,
  }),
  invoke: { id: 'answer', src: 'answer' },
  initial: 'open',
  states: {
    open: {
      initial: 'choosing',
      on: {
        'ask.cancel': 'cancelling',
        'sys.shutdown': { target: 'failed', actions: 'failClosed' },
        'worker.refused': [
          { guard: 'mayFallBackFrom', target: '.startingLocal' },
          { target: 'failed', actions: 'failAsTold' },
        ],
        'answer.ended': 'answered',
        'answer.failed': [
          { guard: 'isAskedForWork', target: '.working', actions: ['forgetDoubt', 'failAsTold'] },
          { guard: 'mayTryAgain', target: '.backingOff', actions: 'noteFailedTry' },
          { guard: 'mayFallBackFrom', target: '.startingLocal', actions: 'noteFailedTry' },
          { target: 'failed', actions: ['noteFailedTry', 'failAsTold'] },
        ],
      },
      after: { deadlineMs: { target: 'failed', actions: ['noteDoubtedTry', 'failTooLate'] } },
      states: {
        choosing: {
          initial: 'looking',
          on: {
            'worker.chosen': { target: 'asking', actions: 'noteTry' },
            'ask.cancel': '#ask.answered',
          },
          after: {
            patienceMs: [
              { guard: 'mayFallBack', target: 'startingLocal' },
              { target: '#ask.failed', actions: 'failWithoutWorker' },
            ],
          },
          states: { looking: { entry: 'choose', ...lookAgain } },
        },
        /** No timeouts here or in `streaming`: the client's silence and progress watchdogs send `answer.doubted`. */
        asking: {
          entry: 'send',
          initial: 'placed',
          on: {
            'answer.queued': { guard: 'mayMove', target: '.queued' },
            'answer.began': 'streaming',
            'answer.doubted': { target: 'doubted', actions: 'noteDoubt' },
          },
          states: {
            /** In a slot, or nothing was heard yet. */
            placed: {},
            queued: {
              entry: 'chooseElsewhere',
              on: {
                'answer.placed': 'placed',
                'worker.chosen': { target: '#ask.open.asking', actions: ['withdraw', 'noteMove', 'noteTry'] },
              },
              after: { lookElsewhereMs: { target: 'queued', reenter: true } },
            },
          },
        },
        streaming: { on: { 'answer.doubted': { target: 'doubted', actions: 'noteDoubt' } } },
        /** It still has the request, and its answer is accepted until another worker is asked. */
        doubted: {
          initial: 'looking',
          on: {
            'answer.resumed': { target: 'streaming', actions: 'forgetDoubt' },
            'worker.chosen': {
              guard: 'mayAskAnother',
              target: 'asking',
              actions: ['abandon', 'noteDoubtedTry', 'noteTry'],
            },
          },
          after: {
            doubtMs: [
              { guard: 'mayFallBack', target: 'startingLocal', actions: ['abandon', 'noteDoubtedTry'] },
              { target: '#ask.failed', actions: 'noteDoubtedTry' },
            ],
          },
          states: { looking: { entry: 'choose', ...lookAgain } },
        },
        /** The worker requires a proof of work first. */
        working: {
          entry: 'solve',
          exit: 'stopSolving',
          on: {
            'work.done': [{ guard: 'isProven', target: 'asking', actions: 'noteProof' }, { actions: 'giveUpProof' }],
            'ask.cancel': '#ask.answered',
          },
          after: { workMs: { actions: 'giveUpProof' } },
        },
        backingOff: { on: { 'ask.cancel': '#ask.answered' }, after: { backoffMs: 'choosing' } },
        startingLocal: {
          entry: ['noteLocal', 'startLocal'],
          exit: 'stopStartingLocal',
          on: {
            'worker.chosen': { target: 'asking', actions: 'noteTry' },
            'ask.cancel': '#ask.answered',
          },
          after: { localStartMs: { target: '#ask.failed', actions: 'failTooSlow' } },
        },
      },
    },
    /** The worker answers a cancel with the text so far. One that does not is not waited for. */
    cancelling: {
      entry: 'sendCancel',
      on: { 'answer.ended': 'answered', 'answer.failed': 'answered', 'sys.shutdown': 'answered' },
      after: { cancelMs: 'answered' },
    },
    answered: { type: 'final', entry: { type: 'finish', params: { failure: undefined } } },
    failed: { type: 'final', entry: { type: 'finish', params: ({ context }) => ({ failure: context.failure }) } },
  },
});
