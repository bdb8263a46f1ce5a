/**
 * Parent: a client's asks supervisor; temporary, one per request. Chooses workers through rules/selection.ts, sends the
 * prompt and receives the answer through the directory, and calls the application back.
 */
import type { AnyActorLogic } from 'xstate';
import { moved, type AskFailure, type Proof, type Try } from '../machines/ask.js';
import { askMachine, type AskEvent, type AskInput } from '../machines/ask.machine.js';
import type { PromptMessage, QueueStatusMessage } from '../protocol/messages.js';
import type { Clock } from '../runtime/clock.js';
import { guardedCallback, type Guard } from '../runtime/guarded-callback.js';
import type { Random } from '../runtime/random.js';
import type { AskAnswer } from './ask/answer.js';
import { Attempts } from './ask/attempts.js';
import type { Wallet } from './wallet/wallet.js';
import type { WorkSolver } from './ask/work-solver.js';
import type { AnswerSink, WorkerDirectory } from './ask/worker-directory.js';

/** An application's request: the fields of a `prompt` it controls, and where the request may go. */
export interface AskRequest extends Pick<
  PromptMessage,
  'prompt' | 'messages' | 'model' | 'options' | 'tools' | 'deadlineMs'
> {
  /** Ask only this worker. */
  readonly pin?: string;
  /** How long to look for a worker before giving up, and to wait for one that fell silent. */
  readonly patienceMs?: number;
}

/** A request to a worker: for an answer, or for a check of a text claimed to be one. */
export interface ClientRequest extends AskRequest, Pick<PromptMessage, 'check'> {}

export interface AskCallbacks {
  /** Where the request stands at its current worker. */
  position?(position: QueueStatusMessage, worker: string): void;
  /** This worker is being asked: the first one, or one that takes over. */
  asked?(worker: string): void;
  /** `from` failed this request, and `to` continues it. */
  failedOver?(from: Try, to: string): void;
  /** New text. The pieces joined in order are the answer's text. */
  text(text: string, tokens: number): void;
  /** The one end. `failure` is undefined if the answer is complete, or was cancelled by the application. */
  end(answer: AskAnswer, failure: AskFailure | undefined): void;
}

/** A worker inside this client, used when no other is left. */
export interface LocalFallback {
  /**
   * Starts it with this model, or its usual one, and reports when it is up, at once if it already is. @returns a
   * function that abandons it
   */
  start(model: string | undefined, on: { ready(worker: string): void; failed(reason: string): void }): () => void;
  /** Whether this is the name of such a worker. */
  has(worker: string): boolean;
}

export interface AskDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: WorkerDirectory;
  readonly solver: WorkSolver;
  /** This client's account at its workers; proofs of work are bound to it. */
  readonly account: string;
  readonly fallback: LocalFallback | undefined;
  /** Signs orders; undefined asks without orders. */
  readonly wallet: Wallet | undefined;
}

const defaultPatienceMs = 10_000;
/** With a local fallback the mesh gets less time. */
const fallbackPatienceMs = 3_000;

export function askInput({ fallback, random }: AskDeps, { pin, patienceMs, deadlineMs }: AskRequest): AskInput {
  const hasFallback = fallback !== undefined && pin === undefined; // a pinned request is for that worker only
  return {
    patienceMs: patienceMs ?? (hasFallback ? fallbackPatienceMs : defaultPatienceMs),
    deadlineMs,
    hasFallback,
    chance: () => random.next(),
  };
}

/** @param gone called once this actor is over, however it ended */
export function createAsk(deps: AskDeps, request: ClientRequest, on: AskCallbacks, gone: () => void): AnyActorLogic {
  const attempts = new Attempts(deps, request, on);
  let stopSolving = (): void => {};
  let stopStarting = (): void => {};
  return askMachine.provide({
    actors: {
      answer: guardedCallback(({ sendBack, guard, receive, defer }) => {
        const say = guard((event: AskEvent) => sendBack(event));
        const heard = guardedSink(attempts.sink(say), guard);
        receive((event) => {
          if (event.type !== 'answer.ask') return;
          attempts.send(event.worker as string, event.proof as Proof | undefined, heard, say);
        });
        defer(() => {
          attempts.abandon('withdrawn');
          attempts.answer.end([], {
            code: 'internal',
            message: 'The request failed inside this client.',
            retryable: false,
          });
          gone();
        });
      }),
    },
    actions: {
      choose: ({ context, self }) => {
        const event = attempts.choose(context);
        if (event !== undefined) self.send(event);
      },
      chooseElsewhere: ({ context, self }) => {
        const event = attempts.chooseElsewhere(context);
        if (event !== undefined) self.send(event);
      },
      send: ({ context: { tries, proof }, self }) => {
        const [from, to] = [tries.at(-2), tries.at(-1)];
        if (to === undefined) return;
        if (proof === undefined) on.asked?.(to.worker);
        if (from !== undefined && from.failure !== moved && proof === undefined) on.failedOver?.(from, to.worker);
        self.getSnapshot().children.answer?.send({ type: 'answer.ask', worker: to.worker, proof });
      },
      sendCancel: () => attempts.cancel(),
      abandon: () => attempts.abandon(),
      withdraw: () => attempts.abandon('withdrawn'),
      solve: ({ context, self }) => {
        const work = context.failure?.work;
        if (work === undefined) return;
        const task = { ...work, client: deps.account, id: attempts.id };
        stopSolving = deps.solver.solve(task, (nonce) =>
          self.send({
            type: 'work.done',
            proof: nonce === undefined ? undefined : { challenge: work.challenge, nonce },
          }),
        );
      },
      stopSolving: () => stopSolving(),
      startLocal: ({ self }) => {
        const failed = (message: string): void =>
          self.send({ type: 'worker.refused', failure: { code: 'local_failed', message, retryable: false } });
        const ready = (worker: string): void => self.send({ type: 'worker.chosen', worker });
        stopStarting = deps.fallback?.start(request.model, { ready, failed }) ?? stopStarting;
      },
      stopStartingLocal: () => stopStarting(),
      finish: ({ context }, { failure }) => attempts.answer.end(context.tries, failure),
    },
  });
}

/** An exception in an application's callback fails this request, not the connection on which the message came. */
const guardedSink = (sink: AnswerSink, guard: Guard): AnswerSink => ({
  position: guard((message) => sink.position(message)),
  token: guard((message) => sink.token(message)),
  result: guard((message, settle) => sink.result(message, settle)),
  error: guard((message) => sink.error(message)),
  unreadable: guard((problem) => sink.unreadable(problem)),
  listened: guard((elapsedMs) => sink.listened(elapsedMs)),
  fellSilent: guard(() => sink.fellSilent()),
  spoke: guard(() => sink.spoke()),
  lost: guard(() => sink.lost()),
});
