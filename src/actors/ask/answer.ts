/** A growing answer: the text so far from all workers, which worker is answering now, and whether it makes progress. */
import type { AskFailure, Try } from '../../machines/ask.js';
import { limits } from '../../protocol/limits.js';
import type { InferenceResultMessage, QueueStatusMessage } from '../../protocol/messages.js';
import { isStalled, newProgress, quiet, spoken, told } from '../../rules/progress.js';
import type { Settled } from '../wallet/wallet.js';

export interface AskAnswer {
  /** The whole text, from all workers that contributed. */
  readonly text: string;
  /** From the worker that finished it; undefined if it was cancelled before one did. */
  readonly result: InferenceResultMessage | undefined;
  readonly tries: readonly Try[];
  /** The workers that contributed any text. */
  readonly authors: readonly string[];
  /** The receipt of the worker that finished it, if this client has signed it. */
  readonly settled: Settled | undefined;
}

export interface AnswerEvents {
  text(text: string, tokens: number): void;
  end(answer: AskAnswer, failure: AskFailure | undefined): void;
}

/** Calls the application's `end` exactly once. */
export class Answer {
  text = '';
  /** The worker that has the request now. */
  worker: string | undefined;
  /** Why that worker is no longer expected to answer. */
  doubt: AskFailure | undefined;
  settled: Settled | undefined;
  readonly #on: AnswerEvents;
  #progress = newProgress;
  /** Where in `text` the current worker's part begins. */
  #seam = 0;
  #nextIndex = 0;
  /**
   * The end of `text` that was not passed to the application: half of a surrogate pair, which some programs send
   * separately.
   */
  #half = '';
  #result: InferenceResultMessage | undefined;
  /** At most one per try. */
  readonly #authors = new Set<string>();
  #isOver = false;

  constructor(on: AnswerEvents) {
    this.#on = on;
  }

  enter(worker: string): void {
    this.worker = worker;
    this.doubt = undefined;
    this.#progress = newProgress;
    this.text = this.text.slice(0, this.text.length - this.#half.length); // nobody can continue after half a character
    this.#half = '';
    this.#seam = this.text.length;
    this.#nextIndex = 0;
  }

  leave(): void {
    this.worker = undefined;
  }

  /** In the current worker's queue; 0: in a slot, or nothing known yet. */
  get position(): number {
    return this.#progress.position ?? 0;
  }

  /** @returns whether anything changed. */
  tell(position: QueueStatusMessage): boolean {
    const before = this.#progress;
    this.#progress = told(before, position);
    return this.#progress !== before;
  }

  /**
   * @returns false if a token is missing or duplicated, or if this worker's text exceeds what any result could hold.
   */
  add(index: number, text: string, tokens: number): boolean {
    if (index !== this.#nextIndex || this.text.length - this.#seam + text.length > limits.maxFrameBytes) return false;
    this.#nextIndex++;
    this.#progress = spoken(this.#progress);
    this.#say(text, tokens);
    return true;
  }

  /** Time passed in which the worker was heard from, but not about this request. @returns whether it has stalled. */
  wait(elapsedMs: number): boolean {
    this.#progress = quiet(this.#progress, elapsedMs);
    return isStalled(this.#progress);
  }

  /** @returns false if the result contradicts the tokens. */
  conclude(result: InferenceResultMessage): boolean {
    const said = this.text.slice(this.#seam);
    if (!result.text.startsWith(said)) return false;
    this.#result = result;
    if (result.text.length > said.length) this.#say(result.text.slice(said.length), 0);
    return true;
  }

  end(tries: readonly Try[], failure: AskFailure | undefined): void {
    if (this.#isOver) return;
    if (this.#half !== '') this.#on.text(this.#half, 0);
    this.#isOver = true;
    const { text, settled } = this;
    this.#on.end({ text, result: this.#result, tries, authors: [...this.#authors], settled }, failure);
  }

  #say(text: string, tokens: number): void {
    if (this.#isOver || text === '') return;
    this.text += text;
    if (this.worker !== undefined) this.#authors.add(this.worker);
    const unheard = this.#half + text;
    this.#half = /[\ud800-\udbff]$/.exec(unheard)?.[0] ?? '';
    this.#on.text(unheard.slice(0, unheard.length - this.#half.length), tokens);
  }
}
