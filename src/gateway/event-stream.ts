/**
 * An answer as server-sent events. An error after the first piece becomes an event too, because the status has already
 * been sent. During long silences, a comment keeps proxies from closing the connection. Slow readers apply
 * backpressure: the next piece is taken only once the last one has been sent.
 */
import type { AnswerForm, Head } from './answer-form.js';
import type { ErrorBody } from './api-error.js';
import type { Ended, Piece } from './choices.js';

export interface EventStreamOptions {
  readonly form: AnswerForm;
  /** Called at the first piece: until then it is unknown which model answers. */
  readonly head: () => Head;
  readonly includeUsage: boolean;
  /** What to report for an error or an answer that was cut off. */
  readonly explain: (error: unknown) => ErrorBody;
  /** Whether this side cut the answer off. */
  readonly isCut: () => boolean;
  /** A comment at the end, for people. */
  readonly epilogue: () => string;
}

/** @param first piece, already taken to make sure that there is an answer */
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
