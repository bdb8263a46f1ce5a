/**
 * An answer as server-sent events. An error after the first piece is an event too, because the status has already been sent. During long
 * silences a comment keeps proxies from closing the connection. Slow readers hold the stream back: the next piece is taken once
 * the last one has been sent.
 */
import type { AnswerForm, Head } from './answer-form.js';
import type { ErrorBody } from './api-error.js';
import type { Ended, Piece } from './choices.js';

export interface EventStreamOptions {
  readonly form: AnswerForm;
  /** At the first piece: which model answers is not known before. */
  readonly head: () => Head;
  readonly includeUsage: boolean;
  /** What to say of an error, or of an answer that was cut. */
  readonly explain: (error: unknown) => ErrorBody;
  /** Whether the answer was cut by this side. */
  readonly isCut: () => boolean;
  /** Said in a comment at the end, for people. */
  readonly epilogue: () => string;
}

/** @param first taken already, to know that there is an answer */
export async function* eventStream(
  first: IteratorResult<Piece | undefined, void>,
  pieces: AsyncGenerator<Piece | undefined, void, undefined>,
  options: EventStreamOptions,
): AsyncGenerator<string, void, undefined> {
  const { form, includeUsage, explain, isCut, epilogue } = options;
  const ended: Ended[] = [];
  let head: Head | undefined;
  try {
    for (let next = first; next.done !== true; next = await pieces.next()) {
      const piece = next.value;
      if (piece === undefined) {
        yield ': waiting\n\n';
        continue;
      }
      if (isCut()) return yield event(explain(undefined));
      head ??= options.head();
      if ('end' in piece) ended.push(piece.end);
      for (const told of form.events(head, piece)) yield event(told);
    }
    if (head !== undefined && includeUsage) yield event(form.usageEvent(head, ended));
    yield `: ${epilogue()}\n\ndata: [DONE]\n\n`;
  } catch (error) {
    yield event(explain(error));
  }
}

const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
