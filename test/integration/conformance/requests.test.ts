/** A stranger's client against a real worker: requests, from prompt to end. About 10 s. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Account,
  hashOf,
  isEnd,
  isSignedBy,
  patiently,
  saltedHash,
  topicName,
  type Answer,
  type Signable,
  type WireClient,
} from './wire-client.js';
import { DialledWorker } from './dialled-worker.js';
import { askWorker } from '../../../src/actors/control/ask.js';

const slots = 2;
/** Enough that a request is still running when another frame arrives, on any machine. */
const longTokens = 2_000;

let worker: DialledWorker;

beforeAll(async () => {
  worker = await DialledWorker.start({ QMESH_SLOTS: String(slots), QMESH_CONTEXT: '4096' });
  return () => worker.stop();
});
afterEach(() => worker.closeClients());

const dial = () => worker.dialAsOwner();

/** What the demo model answers to "count from N", token for token: it is exact. */
const counted = (from: number, tokens: number): string =>
  Array.from({ length: tokens }, (_, i) => from + 1 + i).join(' ');
const count = (from: number, maxTokens: number, more: object = {}) => ({
  prompt: `count from ${from}`,
  options: { maxTokens, temperature: 0 },
  ...more,
});
const long = (id: string, more: object = {}) => ({ id, ...count(1, longTokens, more) });

function expectWhole({ tokens, streamed, end, frames }: Answer): void {
  expect(end.type).toBe('inference_result');
  expect(tokens.map(({ index }) => index as number)).toEqual(tokens.map((_, index) => index));
  expect(streamed).toBe(end.text);
  expect(frames.filter(isEnd)).toEqual([end]);
}

const firstToken = (client: WireClient, id: string) => client.frame((m) => m.type === 'inference_token' && m.id === id);
const inSlot = (client: WireClient, id: string) =>
  client.frame((m) => m.id === id && (m.type === 'inference_token' || (m.type === 'queue_status' && m.position === 0)));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('an answer', () => {
  it('streams tokens without a gap, and their text is the text of the result', async () => {
    const client = await dial();
    const answer = await client.ask({ id: 'one', ...count(5, 40) });
    expectWhole(answer);
    expect(answer.tokens.reduce((sum, token) => sum + (token.tokens as number), 0)).toBe(40);
    const [status] = client.received;
    expect(answer.end).toMatchObject({
      v: 2,
      text: counted(5, 40),
      finishReason: 'length',
      model: { name: status?.message.models[0].name, sha256: status?.message.models[0].sha256 },
      usage: { promptTokens: expect.any(Number), completionTokens: 40 },
      timing: { queuedMs: expect.any(Number), firstTokenMs: expect.any(Number), totalMs: expect.any(Number) },
    });
    expect(answer.frames[0]).toMatchObject({
      type: 'queue_status',
      position: expect.any(Number),
      length: expect.any(Number),
    });
    await pause(600); // longer than two keepalives: nothing more comes for what has ended
    expect(client.received.at(-1)?.message.type).not.toBe('queue_status');
    expect(client.received.filter(({ message }) => message.id === 'one')).toHaveLength(answer.frames.length);
  });

  it('holds characters of several bytes whole', async () => {
    const client = await dial();
    const answer = await client.ask({ id: 'unicode', prompt: 'unicode', options: { maxTokens: 60, temperature: 0 } });
    expectWhole(answer);
    expect(answer.end.text).toContain('漢字');
    expect(answer.streamed).not.toContain('\ufffd');
  });

  it('may be asked for as a conversation, by name or hash of the model, and without the stream', async () => {
    const client = await dial();
    const model = client.received[0]?.message.models[0] as { name: string; sha256: string };
    const { options } = count(5, 3);
    const messages = [{ role: 'user', content: 'count from 5' }];
    expectWhole(await client.ask({ id: 'chat', messages, options, model: model.name }));
    const silent = await client.ask({ id: 'silent', messages, options, model: model.sha256, stream: false });
    expect(silent.tokens).toEqual([]);
    expect(silent.end).toMatchObject({ type: 'inference_result', text: counted(5, 3) });
  });

  it('may be a call of a tool, also of one without parameters; what of it was cut short is text', async () => {
    const client = await dial();
    const fields = { messages: [{ role: 'user', content: 'count from 5' }], tools: [{ name: 'add', parameters: {} }] };
    const resume = { text: '{"tool": "add", "arguments": {' };
    const options = { temperature: 0, maxTokens: 200 };
    const call = await client.ask({ id: 'call', ...fields, resume, options });
    expect(call.end).toMatchObject({
      finishReason: 'tool_calls',
      text: '',
      toolCalls: [{ name: 'add', arguments: {} }],
    });
    expectWhole(await client.ask({ id: 'words', ...fields, options: { temperature: 0, maxTokens: 5 } }));
  });

  it('ends before a stop string, even one of several tokens, and never shows part of it', async () => {
    const client = await dial();
    const answer = await client.ask({
      id: 'stop',
      ...count(5, 100, { options: { maxTokens: 100, temperature: 0, stop: ['13 14', 'zzz'] } }),
    });
    expectWhole(answer);
    expect(answer.end).toMatchObject({ text: '6 7 8 9 10 11 12 ', finishReason: 'stop' });
  });

  it('goes on after resume.text wherever it was cut, as if nothing had been', async () => {
    const client = await dial();
    const whole = counted(5, 20);
    for (const tokens of [1, 7, 19]) {
      const text = counted(5, tokens);
      const answer = await client.ask({ id: `resume-${tokens}`, ...count(5, 20, { resume: { text } }) });
      expectWhole(answer);
      expect(text + answer.streamed).toBe(whole);
      expect(answer.end.finishReason).toBe('length');
    }
  });

  it('finds a stop string that begins in resume.text', async () => {
    const client = await dial();
    const stop = ['8 9'];
    const fields = { resume: { text: '6 7 8' }, options: { maxTokens: 50, temperature: 0, stop } };
    const answer = await client.ask({ id: 'seam', ...count(5, 50, fields) });
    expectWhole(answer);
    expect(answer.end).toMatchObject({ text: '', finishReason: 'stop' });
  });

  it('is exact for a client that reads slowly', async () => {
    const [slow, other] = await Promise.all([dial(), dial()]);
    slow.prompt(long('slow'));
    await firstToken(slow, 'slow');
    slow.pause();
    expectWhole(await other.ask({ id: 'other', ...count(7, 5) }));
    await pause(1_500);
    slow.resume();
    const answer = await slow.answer('slow');
    expectWhole(answer);
    expect(answer.end.text).toBe(counted(1, longTokens));
  });
});

describe('while a request is unfinished', () => {
  it('the worker never falls silent, even where nothing is streamed', async () => {
    const client = await dial();
    const ids = ['s1', 's2', 's3', 's4', 's5', 's6'];
    for (const id of ids) client.prompt(long(id, { stream: false }));
    const startMs = Date.now();
    await Promise.all(ids.map((id) => client.answer(id)));
    const times = [startMs, ...client.received.map(({ atMs }) => atMs).filter((atMs) => atMs >= startMs)];
    const gaps = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(1_000); // 250 ms, and slack for a machine of two busy cores
    const positions = client.received.filter(({ message }) => message.type === 'queue_status' && message.position > 0);
    expect(positions.length).toBeGreaterThan(0);
  });

  it('the same id is a bad_request, and the first goes on', async () => {
    const client = await dial();
    client.prompt(long('twice'));
    await firstToken(client, 'twice');
    client.prompt(long('twice'));
    expect(await client.frame((m) => m.type === 'inference_error')).toMatchObject({ id: 'twice', code: 'bad_request' });
    const result = await client.frame((m) => m.type === 'inference_result' && m.id === 'twice');
    expect(result.text).toBe(counted(1, longTokens));
  });

  it('a newer connection of the same account takes the request over', async () => {
    const [older, newer] = await Promise.all([dial(), dial()]);
    older.prompt(long('moved'));
    await firstToken(older, 'moved');
    const answer = await newer.ask(long('moved'));
    expectWhole(answer);
    expect(answer.end.text).toBe(counted(1, longTokens));
    expect(older.received.filter(({ message }) => isEnd(message))).toEqual([]);
  });

  it('a connection that takes over is told only what its resume.text lacks', async () => {
    const [older, newer] = await Promise.all([dial(), dial()]);
    older.prompt(long('seamless'));
    const text = (await firstToken(older, 'seamless')).text as string;
    const answer = await newer.ask(long('seamless', { resume: { text } }));
    expectWhole(answer);
    expect(text + answer.streamed).toBe(counted(1, longTokens));
  });

  it('a connection that takes over streams as it asks, and an older one does not take it back', async () => {
    const [older, newer, newest] = [await dial(), await dial(), await dial()];
    older.prompt(long('thrice', { stream: false }));
    await older.frame((m) => m.id === 'thrice');
    newer.prompt(long('thrice'));
    await firstToken(newer, 'thrice');
    const from = older.received.length;
    older.prompt(long('thrice', { stream: false })); // was held up on its way
    expect((await older.answer('thrice', from)).end).toMatchObject({ code: 'bad_request' });
    const { end, tokens } = await newest.ask(long('thrice', { stream: false }));
    expect(end.text).toBe(counted(1, longTokens));
    expect(tokens).toEqual([]);
    const streamed = newer.received
      .flatMap(({ message: m }) => (m.type === 'inference_token' ? [m.text] : []))
      .join('');
    expect(counted(1, longTokens).startsWith(streamed)).toBe(true);
  });

  it('nobody else can touch it: the id belongs to its account, and a hello to its connection', async () => {
    const account = new Account(worker.process.ownerSeed);
    const [owner, thief, forger] = await Promise.all([dial(), worker.dial(), worker.dial()]);
    owner.prompt(long('mine'));
    await firstToken(owner, 'mine');
    thief.cancel('mine');
    forger.send(account.hello(owner.key)); // replayed: signed for another connection
    if (!forger.isClosed) forger.cancel('mine');
    const own = await thief.askAsGuest({ id: 'mine', ...count(5, 3) });
    expect(own.end).toMatchObject({ text: counted(5, 3) });
    expect((await owner.answer('mine')).end).toMatchObject({ text: counted(1, longTokens), finishReason: 'length' });
  });

  it('a lost connection cancels it: asked again later, it is a new request', async () => {
    const [lost, watcher] = await Promise.all([dial(), dial()]);
    for (const id of ['l1', 'l2', 'l3', 'l4']) lost.prompt(long(id));
    await firstToken(lost, 'l1');
    const from = watcher.received.length;
    await lost.close();
    await watcher.frame((m) => m.type === 'status' && m.slots.busy === 0 && m.queue.length === 0, 15_000, from);
    for (const id of ['l1', 'l4']) {
      expect((await watcher.ask({ id, ...count(1, 3) })).end).toMatchObject({ text: counted(1, 3) });
    }
  });
});

describe('a finished request', () => {
  it('gives the same result to the client that asks again', async () => {
    const client = await dial();
    const { end } = await client.ask({ id: 'again', ...count(5, 12) });
    expect((await client.ask({ id: 'again', ...count(5, 12) })).frames).toEqual([end]);
    const later = await dial();
    expect((await later.ask({ id: 'again', ...count(5, 12) })).frames).toEqual([end]);
    const stranger = await worker.dial();
    expect((await stranger.askAsGuest({ id: 'again', ...count(9, 2) })).end).toMatchObject({ text: counted(9, 2) });
  });

  it('is one that its client has cancelled, too; one that ended in an error is not', async () => {
    const client = await dial();
    client.prompt(long('stopped'));
    await firstToken(client, 'stopped');
    client.cancel('stopped');
    const { end } = await client.answer('stopped');
    expect(end.finishReason).toBe('cancelled');
    expect((await client.ask({ id: 'stopped', ...count(5, 3) })).frames).toEqual([end]);
    expect((await (await dial()).ask({ id: 'stopped', ...count(5, 3) })).frames).toEqual([end]);
    expect((await client.ask({ id: 'failed', ...count(5, 3, { model: 'none' }) })).end.code).toBe('model_not_found');
    expect((await client.ask({ id: 'failed', ...count(5, 3) })).end.text).toBe(counted(5, 3));
  });
});

describe('cancel', () => {
  it('is ignored for an id that is unknown or has ended', async () => {
    const client = await dial();
    client.cancel('never-heard-of');
    const { end } = await client.ask({ id: 'ended', ...count(5, 3) });
    client.cancel('ended');
    expect((await client.ask({ id: 'after', ...count(5, 3) })).end).toMatchObject({ text: end.text });
    expect(client.received.filter(({ message }) => isEnd(message))).toHaveLength(2);
  });

  it('ends a queued request at once, with no text', async () => {
    const client = await dial();
    const running = Array.from({ length: slots + 1 }, (_, i) => `running-${i}`); // the owner has a place beyond the slots
    for (const id of [...running, 'queued']) client.prompt(long(id));
    client.cancel('queued');
    const { end, tokens } = await client.answer('queued');
    expect(end).toMatchObject({ type: 'inference_result', finishReason: 'cancelled', text: '' });
    expect(tokens).toEqual([]);
    for (const id of running) client.cancel(id);
    for (const id of running) expect((await client.answer(id)).end).toMatchObject({ finishReason: 'cancelled' });
  });

  it('ends a request while its prompt is read', async () => {
    const client = await dial();
    const prompt = `${'7 '.repeat(1_800)} count from 5`;
    client.prompt({ id: 'reading', prompt, options: { maxTokens: longTokens } });
    await inSlot(client, 'reading');
    client.cancel('reading');
    const answer = await client.answer('reading');
    expectWhole(answer);
    expect(answer.end.finishReason).toBe('cancelled');
  });

  it('ends a request that is decoding, with the text so far', async () => {
    const client = await dial();
    client.prompt(long('decoding'));
    await firstToken(client, 'decoding');
    client.cancel('decoding');
    const answer = await client.answer('decoding');
    expectWhole(answer);
    expect(answer.end.finishReason).toBe('cancelled');
    expect(answer.end.text.length).toBeGreaterThan(0);
    expect(counted(1, longTokens).startsWith(answer.end.text as string)).toBe(true);
  });
});

describe('a request that cannot be served', () => {
  it('gets model_not_found for a model that is not here', async () => {
    const { end } = await (await dial()).ask({ id: 'a', ...count(5, 3, { model: 'no-such-model' }) });
    expect(end).toMatchObject({ type: 'inference_error', code: 'model_not_found', retryable: true });
    const { end: lines } = await (await dial()).ask({ id: 'b', ...count(5, 3, { model: 'no\nsuch' }) });
    expect(lines.message).toContain('no such');
  });

  it('gets prompt_too_long with both numbers', async () => {
    const client = await dial();
    const { contextSize } = client.received[0]?.message.models[0] as { contextSize: number };
    const { end } = await client.ask({ id: 'a', prompt: '7 '.repeat(contextSize + 100) });
    expect(end).toMatchObject({ type: 'inference_error', code: 'prompt_too_long', retryable: false });
    const numbers = ((end.message as string).replaceAll(',', '').match(/\d+/g) ?? []).map(Number);
    expect(numbers).toContain(contextSize);
    expect(Math.max(...numbers)).toBeGreaterThan(contextSize);
  });

  it('gets deadline_exceeded where it is not answered in time', async () => {
    const client = await dial();
    const { end } = await client.ask(long('late', { deadlineMs: 5, stream: false }));
    expect(end).toMatchObject({ type: 'inference_error', code: 'deadline_exceeded', retryable: false });
  });
});

describe('an order', () => {
  const salt = '00112233445566778899aabbccddeeff';
  /** A guest's, for `prompt`. */
  const orderOf = (account: Account, id: string, prompt: string, changes: Signable = {}): object => ({
    id,
    prompt,
    options: { maxTokens: 3, temperature: 0 },
    salt,
    order: account.signed('order', {
      network: topicName,
      client: account.node,
      worker: worker.workerId,
      id,
      promptHash: saltedHash(salt, prompt),
      promptChars: prompt.length,
      maxPrice: 0,
      at: Date.now(),
      expiresAt: Date.now() + 60_000,
      ...changes,
    }),
  });

  it('gets a receipt that a stranger can check, once, and its ack is taken', async () => {
    const account = new Account();
    const client = await worker.dial(account);
    const asked = orderOf(account, 'paid', 'count from 5') as { id: string; order: Signable };
    const end = await patiently(() => client.askAsGuest({ ...asked }));
    const receipt = end.receipt as Signable;
    expect(isSignedBy(worker.workerId, 'receipt', receipt)).toBe(true);
    expect(receipt).toEqual({
      order: hashOf('order', asked.order),
      worker: worker.workerId,
      client: account.node,
      model: end.model.sha256,
      resultHash: saltedHash(salt, '6 7 8'),
      resultChars: 5,
      promptTokens: end.usage.promptTokens,
      completionTokens: 3,
      responseMs: Math.round(end.timing.totalMs as number),
      success: true,
      speed: expect.any(Number),
      complexity: 240,
      quality: 1_025,
      score: (receipt.speed as number) + 240 + 1_025,
      finishedAt: expect.any(Number),
      signature: expect.any(String),
    });

    // The same again is the stored result; the same id for something else is not.
    expect((await client.ask(asked)).end).toEqual(end);
    const { end: other } = await client.ask(orderOf(account, 'paid', 'count from 6') as typeof asked);
    expect(other).toMatchObject({ code: 'bad_request', message: expect.stringContaining('order.promptHash') });

    const { responseMs } = receipt as { responseMs: number };
    const ack = { receipt: hashOf('receipt', receipt), client: account.node, responseMs, at: Date.now() };
    client.send({ v: 2, type: 'receipt_ack', id: 'paid', ack: account.signed('ack', ack) });
    // Its owner hears that it counts: what the guest's request scored, and an achievement.
    const balance = async (): Promise<unknown> => {
      const told = await askWorker({ path: worker.process.home }, { do: 'status' });
      return typeof told === 'object' && 'report' in told ? told.report.balance : told;
    };
    await expect.poll(balance, { timeout: 20_000, interval: 200 }).toBe((receipt.score as number) + 5_000);
  });
});
