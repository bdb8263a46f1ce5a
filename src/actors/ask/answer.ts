/** An answer as it grows: the text so far over all workers, which of them is speaking, and whether it gets any further. */
import type { AskFailure, Try } from '../../machines/ask.js';
import { limits } from '../../protocol/limits.js';
import type { InferenceResultMessage, QueueStatusMessage } from '../../protocol/messages.js';
import { isStalled, newProgress, quiet, spoken, told } from '../../rules/progress.js';
import type { Settled } from '../wallet/wallet.js';

export interface AskAnswer {
  /** All of it, over all workers that had a part in it. */
  readonly text: string;
  /** Of the worker that ended it; undefined where it was cancelled before any did. */
  readonly result: InferenceResultMessage | undefined;
  readonly tries: readonly Try[];
  /** The workers that any of the text is from. */
  readonly authors: readonly string[];
  /** The receipt of the worker that ended it, if this client has signed for it. */
  readonly settled: Settled | undefined;
}

export interface AnswerEvents {
  text(text: string, tokens: number): void;
  end(answer: AskAnswer, failure: AskFailure | undefined): void;
}

/** Calls the application's end once. */
export class Answer {
  text = '';
  /** The worker that has the request now. */
  worker: string | undefined;
  /** Why that worker is not expected to answer any more. */
  doubt: AskFailure | undefined;
  settled: Settled | undefined;
  readonly #on: AnswerEvents;
  #progress = newProgress;
  /** Where in `text` the present worker's part begins. */
  #seam = 0;
  #nextIndex = 0;
  /** The end of `text` that the application has not heard: half of a character, which some programs send by itself. */
  #half = '';
  #result: InferenceResultMessage | undefined;
  /** At most one for each try. */
  readonly #authors = new Set<string>();
  #isOver = false;

  constructor(on: AnswerEvents) {
    this.#on = on;
  }

  enter(worker: string): void {
    this.worker = worker;
    this.doubt = undefined;
    this.#progress = newProgress;
    this.text = this.text.slice(0, this.text.length - this.#half.length); // nobody can go on with half a character
    this.#half = '';
    this.#seam = this.text.length;
    this.#nextIndex = 0;
  }

  leave(): void {
    this.worker = undefined;
  }

  /** In the present worker's line; 0: in a slot, or nothing is known of it yet. */
  get position(): number {
    return this.#progress.position ?? 0;
  }

  /** @returns whether it was news. */
  tell(position: QueueStatusMessage): boolean {
    const before = this.#progress;
    this.#progress = told(before, position);
    return this.#progress !== before;
  }

  /** @returns false where a token is missing or doubled, or where no result could hold all that this worker says. */
  add(index: number, text: string, tokens: number): boolean {
    if (index !== this.#nextIndex || this.text.length - this.#seam + text.length > limits.maxFrameBytes) return false;
    this.#nextIndex++;
    this.#progress = spoken(this.#progress);
    this.#say(text, tokens);
    return true;
  }

  /** Time passed in which the worker was heard, but not of this request. @returns whether it is stalled. */
  wait(elapsedMs: number): boolean {
    this.#progress = quiet(this.#progress, elapsedMs);
    return isStalled(this.#progress);
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
