/** A chat without a terminal and without a mesh: what is asked with each message, what is said, and what is kept. */
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Conversation } from '../../../src/cli/chat/conversation.js';
import { MessageGatherer } from '../../../src/cli/chat/gather.js';
import { historyLimits, openInputHistory } from '../../../src/cli/chat/input-history.js';
import { ChatSession } from '../../../src/cli/chat/session.js';
import { completions, slashCommands } from '../../../src/cli/chat/slash.js';
import { AnswerStream, RequestError, type Answer } from '../../../src/client/answer-stream.js';
import type { AskRequest, RequestOptions, WorkerView } from '../../../src/client/client.js';
import { limits } from '../../../src/protocol/limits.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'qmesh-chat-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const answerOf = (text: string, more: Partial<Answer> = {}): Answer => ({
  text,
  finishReason: 'stop',
  model: { name: 'demo', sha256: 'a'.repeat(64) },
  usage: { promptTokens: 1, completionTokens: 3 },
  timing: { queuedMs: 0, firstTokenMs: 100, totalMs: 1_100 },
  toolCalls: undefined,
  worker: 'b'.repeat(64),
  isLocal: false,
  receipt: undefined,
  paidMillipoints: undefined,
  tries: [],
  ...more,
});

type Reply = (request: AskRequest, options: RequestOptions) => Answer | RequestError;

/** A session whose mesh answers by `reply`, and all that it said. */
function session(reply: Reply, served: readonly string[] = ['demo']) {
  const asked: AskRequest[] = [];
  const said: string[] = [];
  let text = '';
  const workers = [{ status: { models: served.map((name) => ({ name })) } }] as unknown as WorkerView[];
  const chat = new ChatSession({
    client: {
      workers: () => workers,
      stream: (request, options) => {
        asked.push(request);
        const outcome = reply(request, options ?? {});
        const result = outcome instanceof RequestError ? Promise.reject(outcome) : Promise.resolve(outcome);
        const stream = new AnswerStream(result, () => {});
        if (outcome.text !== '') stream.push({ text: outcome.text, tokens: 1 });
        return stream;
      },
    },
    conversation: new Conversation(),
    request: { deadlineMs: 1_000 },
    screen: {
      text: (piece) => (text += piece),
      wait: () => {},
      say: (note) => said.push(note),
      fail: (why) => said.push(why),
      gap: () => {},
    },
    now: () => 0,
  });
  const take = (line: string): Promise<void> => chat.take(line, new AbortController().signal);
  return { chat, asked, said, take, text: () => text };
}

const failure = (code: string): RequestError => new RequestError(code, 'Why.', '', []);
const contents = (request: AskRequest | undefined): string[] => (request?.messages ?? []).map(({ content }) => content);

describe('a conversation', () => {
  it('tells the model all that was said before, and the system prompt first', async () => {
    const { take, asked, said, text } = session(() => answerOf('well'));
    await take('/system be brief');
    await take('one');
    await take('two');
    expect(contents(asked[1])).toEqual(['be brief', 'one', 'well', 'two']);
    expect(asked[1]?.messages?.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    expect(text()).toBe('well\nwell\n');
    expect(said.at(-1)).toBe('[demo · worker bbbbbbbb · 3 tokens · 2.0 tokens/s]');
  });

  it('leaves out a question that failed, and says what to do', async () => {
    let isFirst = true;
    const { take, asked, said } = session(() => {
      const outcome = isFirst ? failure('no_worker') : answerOf('yes');
      isFirst = false;
      return outcome;
    });
    await take('one');
    await take('two');
    expect(said[0]).toMatch(/^no answer: Why\. Start one in another terminal: qmesh worker/);
    expect(contents(asked[1])).toEqual(['two']);
  });

  it('says what went wrong on a line of its own, where an answer breaks off', async () => {
    const { take, text, said } = session(() => new RequestError('worker_lost', 'Why.', 'six sev', []));
    await take('count');
    expect(text()).toBe('six sev\n');
    expect(said).toHaveLength(1);
  });

  it('keeps what had come of an answer that broke off, and says so', async () => {
    const outcomes = [new RequestError('worker_lost', 'Why.', 'six sev', []), answerOf('en')];
    const { take, asked, said } = session(() => outcomes.shift() ?? answerOf(''));
    await take('count');
    await take('go on');
    expect(said[0]).toMatch(
      /^the answer broke off: Why\. Ask again when .* What has arrived stays in the conversation\.$/,
    );
    expect(contents(asked[1])).toEqual(['count', 'six sev', 'go on']);
  });

  it('forgets the oldest where the context of the model is full', async () => {
    const { take, asked, said } = session((request) =>
      (request.messages?.length ?? 0) > 5 ? failure('prompt_too_long') : answerOf('yes'),
    );
    for (const line of ['one', 'two', 'three', 'four']) await take(line);
    expect(contents(asked.at(-1))).toEqual(['three', 'yes', 'four']);
    expect(said.join()).toContain('forgot the first 2 questions');
    const alone = session(() => failure('prompt_too_long'));
    await alone.take('far too long');
    expect(alone.asked).toHaveLength(1);
    expect(alone.said.join()).toContain('Shorten the prompt');
  });

  it('keeps what had come of an answer that was stopped', async () => {
    const { take, asked, said } = session(() => answerOf('half of', { finishReason: 'cancelled' }));
    await take('one');
    await take('two');
    expect(contents(asked[1])).toEqual(['one', 'half of', 'two']);
    expect(said[0]).toContain('stopped');
  });

  it('says at the end who took over, not in the middle of the text', async () => {
    const { take, said } = session((_, { onFailover }) => {
      onFailover?.({ from: { worker: 'a'.repeat(64), failure: failure('worker_lost') as never }, to: 'b'.repeat(64) });
      return answerOf('whole');
    });
    await take('one');
    expect(said).toEqual([expect.stringMatching(/^\[worker aaaaaaaa disconnected; worker bbbbbbbb took over · demo/)]);
  });

  it('says what to do in a chat about a model that nobody serves', async () => {
    const { take, said } = session(() => failure('model_not_found'));
    await take('hello');
    expect(said).toEqual(['no answer: Why. Choose another one with /model.']);
  });

  it('never has more messages than a request may have', () => {
    const conversation = new Conversation('x');
    for (let i = 0; i < limits.maxMessages; i++) conversation.add({ question: `${i}`, answer: '' });
    expect(conversation.messages('last').length).toBeLessThanOrEqual(limits.maxMessages);
    expect(conversation.exchanges.at(-1)?.question).toBe(`${limits.maxMessages - 1}`);
  });
});

describe('commands', () => {
  it('choose a model among those served, or any', async () => {
    const { chat, take, asked, said } = session(() => answerOf('yes'), ['big', 'small']);
    await take('/model');
    await take('/model smal');
    expect(said).toEqual([
      'Served now: big, small. None is chosen, so any may answer.',
      'No worker is serving smal right now; did you mean small? It is chosen all the same; /model - undoes that.',
    ]);
    await take('/model small');
    await take('hello');
    await take('/model -');
    await take('hello');
    expect(asked.map(({ model }) => model)).toEqual(['small', undefined]);
    expect(chat.model).toBeUndefined();
  });

  it('save the conversation once, for its user only, and clear it', async () => {
    const { take, said, asked } = session(() => answerOf('well'));
    const file = join(folder, 'chat.md');
    await take(`/save ${file}`);
    await take('one');
    await take(`/save ${file}`);
    await take(`/save ${file}`);
    expect(said[0]).toBe('There is nothing to save yet.');
    expect(said.at(-1)).toBe(`Not saved: ${file} exists already. Choose another name.`);
    expect(readFileSync(file, 'utf8')).toBe('# Chat\n\n## You\n\none\n\n## Answer\n\nwell\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await take('/clear');
    await take('two');
    expect(contents(asked.at(-1))).toEqual(['two']);
  });

  it('are never sent to a model, unless they begin with two slashes', async () => {
    const { take, asked, said } = session(() => answerOf('yes'));
    await take('/sytem x');
    expect(said[0]).toMatch(/^\/sytem is not a command; did you mean \/system\?/);
    await take('//etc/hosts');
    expect(asked.map(contents)).toEqual([['/etc/hosts']]);
    await take('/help');
    for (const name of Object.keys(slashCommands)) expect(said.at(-1)).toContain(name);
  });

  it('are completed', () => {
    expect(completions(['big', 'small'], '/s')).toEqual(['/system', '/save']);
    expect(completions(['big', 'small'], '/model s')).toEqual(['/model small']);
    expect(completions(['big'], 'hello')).toEqual([]);
  });
});

describe('messages of several lines', () => {
  const gather = (...lines: readonly (string | readonly [pasted: string])[]): (string | undefined)[] => {
    const gatherer = new MessageGatherer();
    return lines.map((line) => (typeof line === 'string' ? gatherer.push(line) : gatherer.push(line[0], true)));
  };

  it('go on after a backslash, and in a block', () => {
    expect(gather('one')).toEqual(['one']);
    expect(gather('one\\', 'two')).toEqual([undefined, 'one\ntwo']);
    expect(gather('"""one', 'two\\', '', 'three"""', 'four')).toEqual([
      undefined,
      undefined,
      undefined,
      'one\ntwo\\\n\nthree',
      'four',
    ]);
    expect(gather('"""one"""')).toEqual(['one']);
  });

  it('are sent by an Enter that is typed, however much was pasted', () => {
    fc.assert(
      fc.property(fc.array(fc.string().map((text) => text.replaceAll('\n', ' '))), (pasted) => {
        const gatherer = new MessageGatherer();
        for (const line of pasted) expect(gatherer.push(line, true)).toBeUndefined();
        expect(gatherer.push('end')).toBe([...pasted, 'end'].join('\n'));
        expect(gatherer.isOpen).toBe(false);
      }),
    );
  });
});

describe('what was typed', () => {
  const file = (): string => join(folder, 'chat-history.jsonl');

  it('is there in the next chat, newest first, for its user only', () => {
    const first = openInputHistory(folder);
    for (const entry of ['one', 'two', 'two', 'x'.repeat(historyLimits.entryChars + 1)]) first.add(entry);
    expect(openInputHistory(folder).entries).toEqual(['two', 'one']);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    chmodSync(file(), 0o644);
    appendFileSync(file(), '"cut of');
    expect(openInputHistory(folder).entries).toEqual(['two', 'one']);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('stays within its limits', () => {
    const history = openInputHistory(folder);
    for (let i = 0; i < 2 * historyLimits.entries; i++) history.add(`${i}`.padEnd(1_500, '.'));
    expect(statSync(file()).size).toBeLessThanOrEqual(historyLimits.fileBytes);
    expect(history.entries).toHaveLength(historyLimits.entries);
    expect(openInputHistory(folder).entries[0]).toBe(history.entries[0]);
  });

  it('costs nothing where it cannot be written', () => {
    const history = openInputHistory(join(folder, 'missing'));
    history.add('one');
    expect(history.entries).toEqual(['one']);
  });
});
