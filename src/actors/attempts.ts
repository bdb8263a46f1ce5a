/** The effects behind one request: which worker is asked next, what it is sent, and what it says. The chart is ask.machine.ts. */
import type { AskContext, AskEvent } from '../machines/ask.machine.js';
import { doubts, failures, type AskFailure, type Proof } from '../machines/ask.js';
import { FrameTooLargeError } from '../protocol/frame.js';
import { protocolVersion, type InferenceErrorMessage, type PromptMessage } from '../protocol/messages.js';
import { hasModel, isFresh, selectWorker } from '../rules/selection.js';
import type { Random } from '../runtime/random.js';
import { Answer } from './answer.js';
import type { AskCallbacks, AskDeps, AskRequest } from './ask.actor.js';
import type { AnswerSink, Outcome } from './worker-directory.js';

type Say = (event: AskEvent) => void;

export class Attempts {
  readonly answer: Answer;
  /** At the present worker. A new one after a cancel: the same again would be given the cancelled result. */
  id: string;
  readonly #deps: AskDeps;
  readonly #request: AskRequest;
  readonly #on: AskCallbacks;
  readonly #startedAtMs: number;
  /** Workers that said when to come again, until then. */
  readonly #barredUntilMs = new Map<string, number>();

  constructor(deps: AskDeps, request: AskRequest, on: AskCallbacks) {
    this.#deps = deps;
    this.#request = request;
    this.#on = on;
    this.#startedAtMs = deps.clock.monotonicMs();
    this.id = newId(deps.random);
    this.answer = new Answer(on);
  }

  /** Who is asked next; that nobody will be; or undefined, where somebody may yet come. */
  choose({ tries, doubt, patienceMs }: AskContext): AskEvent | undefined {
    const { clock, directory, random, fallback } = this.#deps;
    const { model, pin } = this.#request;
    const now = clock.monotonicMs();
    const known = directory.candidates().filter(({ worker }) => fallback?.has(worker) !== true);
    const barredMs = (worker: string): number => (this.#barredUntilMs.get(worker) ?? now) - now;
    const open = known.filter(({ worker }) => worker !== this.answer.worker && barredMs(worker) <= 0);
    const wish = { model, pin, tried: tries.map(({ worker }) => worker) };
    const chosen = selectWorker(open, wish, now, () => random.next());
    if (chosen !== undefined) return { type: 'worker.chosen', worker: chosen.worker };
    if (doubt !== undefined) return undefined;
    const fresh = known.filter((candidate) => isFresh(candidate, now));
    const pinned = fresh.find(({ worker }) => worker === pin);
    if (pinned !== undefined && !hasModel(pinned, model))
      return { type: 'worker.refused', failure: modelMissing(pinned.worker, model) };
    // Where all said to come again later than anybody waits, nobody waits.
    const able = fresh.filter((candidate) => hasModel(candidate, model));
    const failure = tries.at(-1)?.failure;
    const isVain = able.length > 0 && able.every(({ worker }) => barredMs(worker) > patienceMs);
    return isVain && failure !== undefined ? { type: 'worker.refused', failure } : undefined;
  }

  send(worker: string, proof: Proof | undefined, heard: AnswerSink, say: Say): void {
    this.answer.enter(worker);
    try {
      if (!this.#deps.directory.ask(worker, this.#prompt(proof), heard)) heard.lost();
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error;
      const message = `The request is too large: ${error.message}.`;
      say({ type: 'answer.failed', failure: { code: 'bad_request', message, retryable: false } });
    }
  }

  cancel(): void {
    const { worker } = this.answer;
    if (worker !== undefined) this.#deps.directory.send(worker, { v: protocolVersion, type: 'cancel', id: this.id });
  }

  /** The present worker is left for good: it is told, if it still listens. */
  abandon(): void {
    this.cancel();
    this.leave('failed');
    this.id = newId(this.#deps.random);
  }

  /** @param how what the present worker's circuit is to learn from it. */
  leave(how: Outcome = 'withdrawn'): void {
    if (this.answer.worker !== undefined) this.#deps.directory.forget(this.answer.worker, this.id, how);
    this.answer.leave();
  }

  /** What the directory tells of the present worker. */
  sink(say: Say): AnswerSink {
    const { answer } = this;
    const doubt = (why: AskFailure): void => {
      if (answer.doubt !== undefined) return;
      answer.doubt = why;
      say({ type: 'answer.doubted', doubt: why });
    };
    const believe = (): void => {
      if (answer.doubt === undefined) return;
      answer.doubt = undefined;
      say({ type: 'answer.resumed' });
    };
    const fail = (failure: AskFailure): void => {
      this.leave(isFault(failure) ? 'failed' : 'answered');
      say({ type: 'answer.failed', failure });
    };
    const breakOff = (): void => {
      this.abandon();
      say({ type: 'answer.failed', failure: failures.contradiction });
    };
    return {
      position: (message) => {
        if (answer.tell(message)) believe();
        if (answer.worker !== undefined) this.#on.position?.(message, answer.worker);
      },
      token: ({ index, text, tokens }) => {
        if (!answer.add(index, text, tokens)) return breakOff();
        believe();
        if (index === 0) say({ type: 'answer.began' });
      },
      result: (message) => {
        if (!answer.conclude(message)) return breakOff();
        this.leave('answered');
        say({ type: 'answer.ended' });
      },
      error: (message) => {
        this.#heed(message);
        const { code, message: why, retryable, work } = message;
        fail({ code, message: why, retryable, ...(work && { work }) });
      },
      lost: () => fail(failures.lost),
      listened: (elapsedMs) => {
        if (answer.wait(elapsedMs)) doubt(doubts.stalled);
      },
      fellSilent: () => doubt(doubts.silent),
      spoke: () => {
        if (answer.doubt === doubts.silent) believe();
      },
    };
  }

  /** A worker that says when to come again is not asked before. */
  #heed({ code, retryAfterMs = 0 }: InferenceErrorMessage): void {
    const { worker } = this.answer;
    const untilMs =
      this.#deps.clock.monotonicMs() + (code === 'banned' ? Math.max(retryAfterMs, aBanMs) : retryAfterMs);
    if (worker !== undefined) this.#barredUntilMs.set(worker, untilMs);
  }

  #prompt(proof: Proof | undefined): PromptMessage {
    const { pin: _pin, patienceMs: _patienceMs, deadlineMs, ...fields } = this.#request;
    const { text } = this.answer;
    const spentMs = Math.round(this.#deps.clock.monotonicMs() - this.#startedAtMs);
    return {
      v: protocolVersion,
      type: 'prompt',
      id: this.id,
      ...fields,
      ...(deadlineMs === undefined ? {} : { deadlineMs: Math.max(1, deadlineMs - spentMs) }),
      ...(text === '' ? {} : { resume: { text } }),
      ...(proof && { work: proof }),
    };
  }
}

/** Whether it was the worker that failed, and not the request, or its place in a queue. */
const isFault = ({ code }: AskFailure): boolean => ['slot_failed', 'internal', failures.lost.code].includes(code);

/** A ban that does not say how long it lasts. */
const aBanMs = 60_000;

const newId = (random: Random): string => Buffer.from(random.bytes(12)).toString('hex');

const modelMissing = (worker: string, model: string | undefined): AskFailure => ({
  code: 'model_not_found',
  message: `The worker ${worker} does not serve ${model ?? 'any model'}.`,
  retryable: false,
});
