/**
 * Parent: the asks supervisor of a client; temporary, one per request. Chooses workers through rules/selection.ts, sends the
 * prompt and takes the answer through the directory, and calls the application back.
 */
import type { AnyActorLogic } from 'xstate';
import { askMachine, type AskFailure, type AskInput, type Try } from '../machines/ask.machine.js';
import {
  protocolVersion,
  type InferenceResultMessage,
  type PromptMessage,
  type QueueStatusMessage,
} from '../protocol/messages.js';
import { FrameTooLargeError } from '../protocol/frame.js';
import { hasModel, isFresh, selectWorker } from '../rules/selection.js';
import type { Clock } from '../runtime/clock.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { Random } from '../runtime/random.js';
import type { AnswerSink, WorkerDirectory } from './worker-directory.js';

/** What an application asks: the fields of a `prompt` that are its own, and where it may go. */
export interface AskRequest extends Pick<
  PromptMessage,
  'prompt' | 'messages' | 'model' | 'options' | 'tools' | 'deadlineMs'
> {
  /** Only this worker. */
  readonly pin?: string;
  /** How long to look for a worker before giving up. */
  readonly patienceMs?: number;
}

export interface AskAnswer {
  /** All of it, over all workers that had a part in it. */
  readonly text: string;
  /** Of the worker that ended it; undefined where it was cancelled before any did. */
  readonly result: InferenceResultMessage | undefined;
  readonly tries: readonly Try[];
}

export interface AskCallbacks {
  /** Where the request stands at its present worker. */
  position?(position: QueueStatusMessage, worker: string): void;
  /** New text. Joined in order it is the answer's text. */
  text(text: string, tokens: number): void;
  /** The one end. `failure` is undefined where the answer is whole, or was cancelled by the application. */
  end(answer: AskAnswer, failure: AskFailure | undefined): void;
}

export interface AskDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: WorkerDirectory;
}

const defaultPatienceMs = 10_000;

export const askInput = ({ random }: AskDeps, request: AskRequest): AskInput => ({
  patienceMs: request.patienceMs ?? defaultPatienceMs,
  deadlineMs: request.deadlineMs,
  chance: () => random.next(),
});

/** @param gone called once this actor is over, however it ended. */
export function createAsk(deps: AskDeps, request: AskRequest, on: AskCallbacks, gone: () => void): AnyActorLogic {
  const { directory, clock, random } = deps;
  const id = Buffer.from(random.bytes(12)).toString('hex');
  const answer = new Answer(on);

  const cancelAtWorker = (): void => {
    if (answer.worker !== undefined) directory.send(answer.worker, { v: protocolVersion, type: 'cancel', id });
  };
  const sink = (say: (event: { type: string; failure?: AskFailure }) => void): AnswerSink => {
    const breakOff = (): void => {
      cancelAtWorker();
      answer.leave(directory, id);
      say({ type: 'answer.failed', failure: contradiction });
    };
    return {
      position: (message) => {
        if (answer.worker !== undefined) on.position?.(message, answer.worker);
      },
      token: ({ index, text, tokens }) => {
        if (!answer.add(index, text, tokens)) breakOff();
        else if (index === 0) say({ type: 'answer.began' });
      },
      result: (message) => {
        if (!answer.conclude(message)) return breakOff();
        answer.leave(directory, id);
        say({ type: 'answer.ended' });
      },
      error: ({ code, message, retryable }) => {
        answer.leave(directory, id);
        say({ type: 'answer.failed', failure: { code, message, retryable } });
      },
      lost: () => {
        answer.leave(directory, id);
        say({ type: 'answer.failed', failure: workerLost });
      },
    };
  };

  return askMachine.provide({
    actors: {
      answer: guardedCallback(({ sendBack, guard, receive, defer }) => {
        const heard = sink(guard((event) => sendBack(event)));
        receive((event) => {
          if (event.type !== 'answer.ask') return;
          const prompt = promptMessage(id, request, answer.text);
          try {
            if (!directory.ask(answer.enter(event.worker as string), prompt, heard)) heard.lost();
          } catch (error) {
            if (!(error instanceof FrameTooLargeError)) throw error;
            const message = `The request is too large: ${error.message}.`;
            sendBack({ type: 'answer.failed', failure: { code: 'bad_request', message, retryable: false } });
          }
        });
        defer(() => {
          answer.leave(directory, id);
          answer.end([], { code: 'internal', message: 'The request failed inside this client.', retryable: false });
          gone();
        });
      }),
    },
    actions: {
      choose: ({ context, self }) => {
        const tried = context.tries.map(({ worker }) => worker);
        const wish = { model: request.model, pin: request.pin, tried };
        const now = clock.monotonicMs();
        const candidates = directory.candidates();
        const chosen = selectWorker(candidates, wish, now, random.next());
        if (chosen !== undefined) return self.send({ type: 'worker.chosen', worker: chosen.worker });
        const pinned = candidates.find((candidate) => candidate.worker === request.pin && isFresh(candidate, now));
        if (pinned === undefined || hasModel(pinned, request.model)) return;
        const message = `The worker ${pinned.worker} does not serve ${request.model ?? 'any model'}.`;
        self.send({ type: 'worker.refused', failure: { code: 'model_not_found', message, retryable: false } });
      },
      send: ({ context, self }) =>
        self.getSnapshot().children.answer?.send({ type: 'answer.ask', worker: context.tries.at(-1)?.worker }),
      sendCancel: cancelAtWorker,
      finish: ({ context }, { failure }) => answer.end(context.tries, failure),
    },
  });
}

/** The text so far, over all workers, and which of them is speaking. Calls the application's end once. */
class Answer {
  text = '';
  worker: string | undefined;
  readonly #on: AskCallbacks;
  /** Where in `text` the present worker's part begins. */
  #seam = 0;
  #nextIndex = 0;
  #result: InferenceResultMessage | undefined;
  #isOver = false;

  constructor(on: AskCallbacks) {
    this.#on = on;
  }

  enter(worker: string): string {
    this.worker = worker;
    this.#seam = this.text.length;
    this.#nextIndex = 0;
    return worker;
  }

  leave(directory: WorkerDirectory, id: string): void {
    if (this.worker !== undefined) directory.forget(this.worker, id);
    this.worker = undefined;
  }

  /** @returns false where a token is missing or doubled. */
  add(index: number, text: string, tokens: number): boolean {
    if (index !== this.#nextIndex) return false;
    this.#nextIndex++;
    this.#say(text, tokens);
    return true;
  }

  /** @returns false where the result is not what the tokens said. */
  conclude(result: InferenceResultMessage): boolean {
    const said = this.text.slice(this.#seam);
    if (!result.text.startsWith(said)) return false;
    this.#result = result;
    if (result.text.length > said.length) this.#say(result.text.slice(said.length), 0);
    return true;
  }

  end(tries: readonly Try[], failure: AskFailure | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#on.end({ text: this.text, result: this.#result, tries }, failure);
  }

  #say(text: string, tokens: number): void {
    if (this.#isOver || text === '') return;
    this.text += text;
    this.#on.text(text, tokens);
  }
}

const workerLost: AskFailure = {
  code: 'worker_lost',
  message: 'The connection to the worker was lost.',
  retryable: true,
};
const contradiction: AskFailure = { code: 'bad_answer', message: 'The worker contradicted itself.', retryable: true };

function promptMessage(id: string, request: AskRequest, resumeText: string): PromptMessage {
  const { pin: _pin, patienceMs: _patienceMs, ...fields } = request;
  return {
    v: protocolVersion,
    type: 'prompt',
    id,
    ...fields,
    ...(resumeText === '' ? {} : { resume: { text: resumeText } }),
  };
}
