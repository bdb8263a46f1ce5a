/**
 * The effects behind one request: which worker is asked next, what it is sent, and what it answers. The chart is
 * ask.machine.ts.
 */
import type { AskContext, AskEvent } from '../../machines/ask.machine.js';
import { doubts, failures, type AskFailure, type Proof, type Try } from '../../machines/ask.js';
import { FrameTooLargeError } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import { protocolVersion, type InferenceErrorMessage, type PromptMessage } from '../../protocol/messages.js';
import { hasModel, isFresh, selectElsewhere, selectWorker, type Candidate, type Wish } from '../../rules/selection.js';
import type { Random } from '../../runtime/random.js';
import { Answer } from './answer.js';
import type { AskCallbacks, AskDeps, ClientRequest } from '../ask.actor.js';
import type { AnswerSink, Outcome } from './worker-directory.js';

type Say = (event: AskEvent) => void;

export class Attempts {
  readonly answer: Answer;
  /** At the current worker. New after a cancel: a worker would answer the old ID with the cancelled result. */
  id: string;
  readonly #deps: AskDeps;
  readonly #request: ClientRequest;
  readonly #on: AskCallbacks;
  readonly #startedAtMs: number;
  /** The model of the text, or of the text to come, if the application named none: no other model can continue it. */
  #begunWith: string | undefined;
  /** A worker does not believe that this account has enough points: it asks as a guest from then on. */
  #isGuest = false;
  /** Whether the last prompt sent carried an order; and whether no further prompt will. */
  #isOrdered = false;
  #isOrderless = false;
  /** Until when workers asked not to be contacted: at most one entry per try. */
  readonly #barredUntilMs = new Map<string, number>();
  /** Since when all known workers have served only models other than the requested one. */
  #missingSinceMs: number | undefined;

  constructor(deps: AskDeps, request: ClientRequest, on: AskCallbacks) {
    this.#deps = deps;
    this.#request = request;
    this.#on = on;
    this.#startedAtMs = deps.clock.monotonicMs();
    this.id = newId(deps.random);
    this.answer = new Answer(on);
  }

  /** The worker to ask next, or the failure if none can answer; undefined if one may yet appear. */
  choose({ tries, doubt, patienceMs }: AskContext): AskEvent | undefined {
    const now = this.#deps.clock.monotonicMs();
    const known = this.#known();
    const open = known.filter(({ worker }) => worker !== this.answer.worker && this.#barredMs(worker, now) <= 0);
    const chosen = selectWorker(open, this.#wish(tries), now, this.#chance);
    if (chosen !== undefined) return { type: 'worker.chosen', worker: chosen.worker };
    if (doubt !== undefined) return undefined;
    const fresh = known.filter((candidate) => isFresh(candidate, now));
    const failure = this.#missing(fresh, tries, now) ?? this.#vain(fresh, tries, now, patienceMs);
    return failure && { type: 'worker.refused', failure };
  }

  /** For a queued request: a worker that would finish it sooner, if there is one. */
  chooseElsewhere({ tries }: AskContext): AskEvent | undefined {
    const { worker, position } = this.answer;
    if (worker === undefined) return undefined;
    const now = this.#deps.clock.monotonicMs();
    const open = this.#known().filter((each) => each.worker === worker || this.#barredMs(each.worker, now) <= 0);
    const chosen = selectElsewhere(open, this.#wish(tries), { worker, position }, now, this.#chance);
    return chosen && { type: 'worker.chosen', worker: chosen.worker };
  }

  send(worker: string, proof: Proof | undefined, heard: AnswerSink, say: Say): void {
    this.answer.enter(worker);
    if (this.answer.text === '') this.#begunWith = this.#offers(worker)[0]?.sha256;
    try {
      if (!this.#deps.directory.ask(worker, this.#prompt(worker, proof), heard)) heard.lost();
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error;
      this.leave();
      const message = `The request is too large: ${error.message}.`;
      const tooLarge = { code: 'bad_request', message, retryable: false };
      say({ type: 'answer.failed', failure: this.answer.text === '' ? tooLarge : failures.tooLong });
    }
  }

  cancel(): void {
    const { worker } = this.answer;
    if (worker !== undefined) this.#deps.directory.send(worker, { v: protocolVersion, type: 'cancel', id: this.id });
  }

  /** Leaves the current worker for good, and tells it if it still listens. */
  abandon(how: Outcome = 'failed'): void {
    this.cancel();
    this.leave(how);
    this.id = newId(this.#deps.random);
  }

  /** @param how what the current worker's circuit breaker learns from it. */
  leave(how: Outcome = 'withdrawn'): void {
    if (this.answer.worker !== undefined) this.#deps.directory.forget(this.answer.worker, this.id, how);
    this.answer.leave();
  }

  /** Handles what the directory reports about the current worker. */
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
    const breakOff = (failure: AskFailure = failures.contradiction): void => {
      this.abandon();
      say({ type: 'answer.failed', failure });
    };
    return {
      position: (message) => {
        const { worker, position: before } = answer;
        if (worker === undefined || !answer.tell(message)) return;
        this.#on.position?.(message, worker);
        believe();
        const isQueued = message.position > 0;
        if (isQueued !== before > 0) say({ type: isQueued ? 'answer.queued' : 'answer.placed' });
      },
      token: ({ index, text, tokens }) => {
        if (!answer.add(index, text, tokens)) return breakOff();
        believe();
        if (index > 0) return;
        if (answer.worker !== undefined) this.#deps.directory.began(answer.worker, this.id);
        say({ type: 'answer.began' });
      },
      result: (message, settle) => {
        if (!answer.conclude(message)) return breakOff();
        answer.settled = settle();
        this.leave('answered');
        say({ type: 'answer.ended' });
      },
      error: (message) => {
        this.#heed(message);
        const { code, message: why, retryable, retryAfterMs, work } = message;
        // The request named no model, so it is not at fault: the worker has just given up its first model.
        const isNoMistake = code === 'model_not_found' && this.#request.model === undefined;
        // Usually the clocks are too far apart: no order is then valid at both ends, and the request may succeed
        // without one.
        const isOrderRefused = code === 'bad_request' && this.#isOrdered && !this.#isOrderless;
        this.#isOrderless ||= isOrderRefused;
        fail({
          code,
          message: why,
          retryable: retryable || isNoMistake || isOrderRefused,
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
          ...(work && { work }),
        });
      },
      unreadable: (problem) =>
        breakOff({ ...failures.contradiction, message: `The worker's answer cannot be read: ${problem}.` }),
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

  #known(): readonly Candidate[] {
    const { directory, fallback } = this.#deps;
    return directory.candidates().filter(({ worker }) => fallback?.has(worker) !== true);
  }

  #wish(tries: readonly Try[]): Wish {
    const { pin } = this.#request;
    return { model: this.#model, pin, account: this.#deps.account, tried: tries.map(({ worker }) => worker) };
  }

  get #model(): string | undefined {
    return this.#request.model ?? (this.answer.text === '' ? undefined : this.#begunWith);
  }

  #offers(worker: string): Candidate['status']['models'] {
    return this.#known().find((each) => each.worker === worker)?.status.models ?? [];
  }

  readonly #chance = (): number => this.#deps.random.next();

  #barredMs(worker: string, now: number): number {
    return (this.#barredUntilMs.get(worker) ?? now) - now;
  }

  /** The pinned worker does not serve the model, or no known worker has served it for a while. */
  #missing(fresh: readonly Candidate[], tries: readonly Try[], now: number): AskFailure | undefined {
    const { model, pin } = this.#request;
    const pinned = fresh.find(({ worker }) => worker === pin);
    if (pinned !== undefined) return hasModel(pinned, model) ? undefined : modelMissing(pinned.worker, model);
    const isMissing =
      model !== undefined &&
      pin === undefined &&
      tries.length === 0 && // a worker that had it may return
      fresh.length > 0 &&
      fresh.every((candidate) => hasModel(candidate, undefined) && !hasModel(candidate, model));
    this.#missingSinceMs = isMissing ? (this.#missingSinceMs ?? now) : undefined;
    if (this.#missingSinceMs === undefined || now - this.#missingSinceMs < settleMs) return undefined;
    return modelNowhere(model, fresh);
  }

  /**
   * All capable workers asked to be contacted later than this request's patience allows, so it does not wait for them.
   */
  #vain(fresh: readonly Candidate[], tries: readonly Try[], now: number, patienceMs: number): AskFailure | undefined {
    const able = fresh.filter((candidate) => hasModel(candidate, this.#model));
    const isVain = able.length > 0 && able.every(({ worker }) => this.#barredMs(worker, now) > patienceMs);
    return isVain ? tries.at(-1)?.failure : undefined;
  }

  /** A worker that says when to retry is not asked before then. */
  #heed({ code, retryAfterMs = 0 }: InferenceErrorMessage): void {
    const { worker } = this.answer;
    const untilMs =
      this.#deps.clock.monotonicMs() + (code === 'banned' ? Math.max(retryAfterMs, aBanMs) : retryAfterMs);
    if (worker !== undefined) this.#barredUntilMs.set(worker, untilMs);
    if (code !== 'insufficient_credit') return;
    this.#isGuest = true;
    if (retryAfterMs === 0) this.#deps.wallet?.refused(); // otherwise it is waiting for acks
  }

  #prompt(worker: string, proof: Proof | undefined): PromptMessage {
    const { pin: _pin, patienceMs: _patienceMs, deadlineMs, ...fields } = this.#request;
    const { text } = this.answer;
    const isLocal = this.#deps.fallback?.has(worker) === true;
    // A model on this disk continues the text of any other model: it is the last resort.
    const model = fields.model ?? (isLocal ? undefined : this.#begunWith);
    const spentMs = Math.round(this.#deps.clock.monotonicMs() - this.#startedAtMs);
    const prompt: PromptMessage = {
      v: protocolVersion,
      type: 'prompt',
      id: this.id,
      ...fields,
      ...(model && { model }),
      ...(deadlineMs === undefined
        ? {}
        : { deadlineMs: Math.min(Math.max(1, deadlineMs - spentMs), limits.maxDeadlineMs) }),
      ...(text === '' ? {} : { resume: { text } }),
      ...(proof && { work: proof }),
    };
    const order = isLocal || this.#isOrderless ? undefined : this.#deps.wallet?.order(worker, prompt, this.#isGuest);
    this.#isOrdered = order !== undefined;
    return { ...prompt, ...order };
  }
}

/** Whether the worker itself failed, rather than the request or its place in a queue. */
const isFault = ({ code }: AskFailure): boolean => ['slot_failed', 'internal', failures.lost.code].includes(code);

/** Time from finding the first worker to finding most of the others. */
const settleMs = 2_000;

/** Maximum number of model names in one message. */
const maxNamed = 8;

/** Assumed for a ban that does not say how long it lasts. */
const aBanMs = 60_000;

const newId = (random: Random): string => Buffer.from(random.bytes(12)).toString('hex');

const modelMissing = (worker: string, model: string | undefined): AskFailure => ({
  code: 'model_not_found',
  message: `The worker ${worker} does not serve ${model ?? 'any model'}.`,
  retryable: false,
});

function modelNowhere(model: string | undefined, fresh: readonly Candidate[]): AskFailure {
  const names = new Set(fresh.flatMap(({ status }) => status.models.map(({ name }) => name)));
  const named = [...names].slice(0, maxNamed).join(', ');
  return {
    code: 'model_not_found',
    message: `No worker here serves ${model ?? 'a model'}; they serve ${named}.`,
    retryable: true, // this machine may have it
  };
}
