/** The answer to a request as it arrives: iterate over its text, or await the whole. */
import type { AskFailure, Try } from '../machines/ask.js';
import type { Receipt } from '../protocol/signed-objects.js';
import type { InferenceResultMessage } from '../protocol/messages.js';

/** New text of an answer. All chunks joined are the answer's text. */
export interface AnswerChunk {
  readonly text: string;
  /** Number of tokens in it. */
  readonly tokens: number;
}

export interface Answer {
  readonly text: string;
  readonly finishReason: InferenceResultMessage['finishReason'];
  readonly model: InferenceResultMessage['model'] | undefined;
  /** Tokens of the prompt and of the whole answer, across all workers that contributed. */
  readonly usage: InferenceResultMessage['usage'] | undefined;
  /** As the worker measured it. */
  readonly timing: InferenceResultMessage['timing'] | undefined;
  readonly toolCalls: InferenceResultMessage['toolCalls'];
  /** ID of the worker that finished the answer. */
  readonly worker: string | undefined;
  /** It was finished by a model on this machine's own disk, because no worker was left. */
  readonly isLocal: boolean;
  /**
   * From the worker that finished the answer, with the points it scored: this client has checked and signed it.
   * Undefined if there was none.
   */
  readonly receipt: Receipt | undefined;
  /** What the answer costs, in thousandths of a point, once the mesh has certified it. */
  readonly paidMillipoints: number | undefined;
  /** Every worker that was asked, in order, with why it was left: an error, or `moved` for a free slot elsewhere. */
  readonly tries: readonly Try[];
}

/** Why a request has no answer. */
export class RequestError extends Error {
  override readonly name = 'RequestError';

  constructor(
    /**
     * A wire code (docs/protocol.md), or the client's own: no_worker, worker_lost, worker_silent, worker_stalled, bad_answer,
     * local_failed, client_closed, too_many_requests, internal.
     */
    readonly code: string,
    message: string,
    /** The text received so far. */
    readonly text: string,
    readonly tries: readonly Try[],
    /** When the last worker asked would accept it, according to that worker. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }

  static from(failure: AskFailure, text: string, tries: readonly Try[]): RequestError {
    return new RequestError(failure.code, failure.message, text, tries, failure.retryAfterMs);
  }
}

/** A waiting request's place in the queue. */
export interface QueuePosition {
  readonly worker: string;
  /** 0: in a slot. */
  readonly position: number;
  readonly length: number;
  readonly estimatedWaitMs: number;
}

/** A worker failed, and another one continues. */
export interface Failover {
  readonly from: Try;
  /** The worker that continues. */
  readonly to: string;
}

export class AnswerStream implements AsyncIterable<AnswerChunk> {
  /** The whole answer. Rejects with a RequestError. */
  readonly result: Promise<Answer>;
  readonly #cancel: () => void;
  readonly #chunks: AnswerChunk[] = [];
  /** Readers waiting for more. */
  readonly #waiting: (() => void)[] = [];
  #tokens = 0;
  #isOver = false;

  constructor(result: Promise<Answer>, cancel: () => void) {
    this.#cancel = cancel;
    this.result = result.then((answer) => ({ ...answer, usage: this.#usageOf(answer) }));
    const end = (): void => {
      this.#isOver = true;
      this.#wake();
    };
    this.result.then(end, end); // errors surface by iterating or awaiting, and are never unhandled
  }

  /** Stops the answer. The result then holds the text so far, with `finishReason: 'cancelled'`. */
  cancel(): void {
    this.#cancel();
  }

  /** @internal */
  push(chunk: AnswerChunk): void {
    this.#chunks.push(chunk);
    this.#tokens += chunk.tokens;
    this.#wake();
  }

  /** Ends with the answer; throws the RequestError if it failed. Leaving the loop early cancels the answer. */
  async *[Symbol.asyncIterator](): AsyncGenerator<AnswerChunk, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) yield chunk;
        else if (this.#isOver) break;
        else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
      }
      await this.result;
    } finally {
      if (!this.#isOver) this.#cancel();
    }
  }

  /** A worker that took over counts only its own part; a tool call is in no chunk. */
  #usageOf({ usage }: Answer): Answer['usage'] {
    return usage && { ...usage, completionTokens: Math.max(this.#tokens, usage.completionTokens) };
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
