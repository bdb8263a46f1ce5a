/**
 * The mesh's answers to one request of a program. Each choice is a separate request to the mesh. Pieces are passed on
 * in the order they arrive; if one choice fails, all end.
 */
import type { Answer, AnswerStream } from '../client/answer-stream.js';
import type { AskRequest, QMeshClient } from '../client/client.js';
import type { Clock, TimerHandle } from '../runtime/clock.js';

export type MeshClient = Pick<QMeshClient, 'stream' | 'workers'>;

/** A finished choice. */
export interface Ended extends Answer {
  readonly index: number;
}

/** New text of a choice, or its end. */
export type Piece = { readonly index: number; readonly text: string } | { readonly index: number; readonly end: Ended };

interface Turn {
  readonly index: number;
  readonly result: IteratorResult<Piece, void>;
  readonly next: () => Promise<Turn>;
}

/** What is known about a choice so far. */
export interface Progress {
  readonly worker: string | undefined;
  readonly tries: number;
  /** Time until it got a slot. */
  readonly queuedMs: number | undefined;
}

export class Choices {
  readonly #streams: readonly AnswerStream[];
  readonly #progress: Progress[];
  readonly #clock: Clock;

  /** @param signal cancels all of them; their answers are then `cancelled` */
  constructor(client: MeshClient, requests: readonly AskRequest[], clock: Clock, signal: AbortSignal) {
    const startedMs = clock.monotonicMs();
    this.#clock = clock;
    this.#progress = requests.map(() => ({ worker: undefined, tries: 0, queuedMs: undefined }));
    this.#streams = requests.map((request, index) =>
      client.stream(request, {
        signal,
        onWorker: (worker) => this.#note(index, ({ tries }) => ({ worker, tries: tries + 1 })),
        onPosition: ({ position }) => {
          if (position === 0) this.#note(index, () => ({ queuedMs: clock.monotonicMs() - startedMs }));
        },
      }),
    );
  }

  get progress(): readonly Progress[] {
    return this.#progress;
  }

  /** In the order of the requests. @throws RequestError */
  async whole(): Promise<Ended[]> {
    const ended: Ended[] = [];
    for await (const piece of this.pieces()) if ('end' in piece) ended[piece.index] = piece.end;
    return ended;
  }

  /** In order of arrival. @throws RequestError */
  async *pieces(): AsyncGenerator<Piece, void, undefined> {
    const turns = new Map(
      this.#streams.map((stream, index) => {
        const pieces = this.#piecesOf(stream, index);
        const next = (): Promise<Turn> => quietly(pieces.next().then((result) => ({ index, result, next })));
        return [index, next()];
      }),
    );
    while (turns.size > 0) {
      const { index, result, next } = await Promise.race(turns.values());
      if (result.done === true) turns.delete(index);
      else {
        turns.set(index, next());
        yield result.value;
      }
    }
  }

  async *#piecesOf(stream: AnswerStream, index: number): AsyncGenerator<Piece, void, undefined> {
    for await (const { text } of stream) yield { index, text };
    yield { index, end: { ...(await stream.result), index } };
  }

  /** Like `pieces`, with an `undefined` whenever nothing has arrived for `silenceMs`. */
  async *piecesAndSilences(silenceMs: number): AsyncGenerator<Piece | undefined, void, undefined> {
    const pieces = this.pieces();
    let next = pieces.next();
    for (;;) {
      const result = await this.#within(silenceMs, next);
      if (result === undefined) yield undefined;
      else if (result.done === true) return;
      else {
        next = quietly(pieces.next());
        yield result.value;
      }
    }
  }

  async #within<T>(delayMs: number, promise: Promise<T>): Promise<T | undefined> {
    let timer: TimerHandle;
    const silence = new Promise<undefined>((resolve) => {
      timer = this.#clock.setTimeout(() => resolve(undefined), delayMs);
    });
    try {
      return await Promise.race([promise, silence]);
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  #note(index: number, change: (before: Progress) => Partial<Progress>): void {
    const before = this.#progress[index];
    if (before !== undefined) this.#progress[index] = { ...before, ...change(before) };
  }
}

/** Its failure is handled later, or never if another one comes first, so it must not count as unhandled. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
