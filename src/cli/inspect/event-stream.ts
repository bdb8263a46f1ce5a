/** Parses server-sent events: name and data of each. */

export interface SentEvent {
  readonly name: string;
  readonly data: string;
}

/** A worker's `hello` holds its whole tree and log. A longer event is invalid. */
const maxEventChars = 8 * 1_048_576;

/** @throws RangeError if an event does not end */
export async function* sentEvents(pieces: AsyncIterable<string>): AsyncGenerator<SentEvent, void, undefined> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield eventOf(text.slice(0, end));
      text = text.slice(end + 2);
    }
    if (text.length > maxEventChars) throw new RangeError('an event has no end');
  }
}

function eventOf(text: string): SentEvent {
  let name = 'message';
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const [, field = '', value = ''] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
    if (field === 'event') name = value;
    if (field === 'data') data.push(value);
  }
  return { name, data: data.join('\n') };
}
