import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AnswerStream, RequestError, type Answer } from '../../../src/client/answer-stream.js';

const answer = (text: string): Answer => ({
  text,
  finishReason: 'stop',
  model: undefined,
  usage: undefined,
  timing: undefined,
  toolCalls: undefined,
  worker: 'w',
  isLocal: false,
  receipt: undefined,
  paidMillipoints: undefined,
  tries: [],
});
const failure = new RequestError('worker_lost', 'gone', 'so far', []);

function open() {
  let resolve: (value: Answer) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const cancels: number[] = [];
  const result = new Promise<Answer>((...settle) => ([resolve, reject] = settle));
  const stream = new AnswerStream(result, () => cancels.push(1));
  const push = (...texts: string[]): void => texts.forEach((text) => stream.push({ text, tokens: 1 }));
  return { stream, push, end: (text = '') => resolve(answer(text)), fail: () => reject(failure), cancels };
}

async function textsOf(stream: AnswerStream): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of stream) texts.push(text);
  return texts;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a stream of an answer', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  beforeEach(() => void process.on('unhandledRejection', note));
  afterEach(async () => {
    await turn();
    process.off('unhandledRejection', note);
    expect(unhandled.splice(0)).toEqual([]);
  });

  it('gives every piece once and in order, whether it came before it was asked for or after', async () => {
    const pieces = fc.array(fc.record({ text: fc.string(), waits: fc.boolean() }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (all, startsEarly) => {
        const { stream, push, end, cancels } = open();
        let reading = startsEarly ? textsOf(stream) : undefined;
        for (const { text, waits } of all) {
          push(text);
          if (waits) await Promise.resolve();
        }
        end();
        reading ??= textsOf(stream);
        expect(await reading).toEqual(all.map(({ text }) => text));
        expect(cancels).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('gives the whole answer to who awaits it instead', async () => {
    const { stream, push, end } = open();
    push('a', 'b');
    end('ab');
    expect((await stream.result).text).toBe('ab');
  });

  it('counts the tokens of all workers that had a part in it', async () => {
    let resolve: (value: Answer) => void = () => {};
    const stream = new AnswerStream(new Promise<Answer>((settle) => (resolve = settle)), () => {});
    stream.push({ text: 'one two', tokens: 2 });
    stream.push({ text: ' three', tokens: 1 });
    resolve({ ...answer('one two three'), usage: { promptTokens: 4, completionTokens: 1 } }); // as the last one counts
    expect((await stream.result).usage).toEqual({ promptTokens: 4, completionTokens: 3 });
  });

  it('left early is cancelled, once', async () => {
    const { stream, push, end, cancels } = open();
    push('a', 'b');
    for await (const { text } of stream) if (text === 'a') break;
    expect(cancels).toHaveLength(1);
    end('a');
    await turn();
    expect(cancels).toHaveLength(1);
  });

  it('left by a throw of its reader is cancelled too', async () => {
    const { stream, push, cancels } = open();
    push('a');
    const reading = (async () => {
      for await (const { text } of stream) throw new Error(`cannot bear ${text}`);
    })();
    await expect(reading).rejects.toThrow('cannot bear a');
    expect(cancels).toHaveLength(1);
  });

  it('throws its error to who iterates, after all the text that came', async () => {
    const { stream, push, fail, cancels } = open();
    push('so ', 'far');
    fail();
    const heard: string[] = [];
    const reading = (async () => {
      for await (const { text } of stream) heard.push(text);
    })();
    await expect(reading).rejects.toBe(failure);
    expect(heard).toEqual(['so ', 'far']);
    expect(cancels).toEqual([]); // there is nothing left to cancel
  });

  it('that fails while nobody looks is no unhandled rejection', async () => {
    const { fail } = open();
    fail();
    await turn();
    expect(unhandled).toEqual([]);
  });

  it('ends for every reader, also where two read at once', async () => {
    const { stream, push, end } = open();
    const [first, second] = [textsOf(stream), textsOf(stream)];
    await turn();
    push('a', 'b');
    await turn();
    end();
    const heard = await Promise.all([first, second]);
    expect(heard.flat().sort()).toEqual(['a', 'b']);
  }, 2_000);

  it('is cancelled by its own method without being read', () => {
    const { stream, cancels } = open();
    stream.cancel();
    expect(cancels).toHaveLength(1);
  });
});
