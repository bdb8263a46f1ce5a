/**
 * `qmesh serve` as people use it: OpenAI's own client against the real command, before two real workers, of which one is killed in the
 * middle of a stream. The model counts, so every answer is known to the last character. About 15 s.
 */
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { QMeshClient } from '../support/built-client.js';
import { expectedCount } from '../../src/gguf/demo-model.js';
import { CommandLine, type Command } from '../support/command.js';
import { ModelFolder } from '../support/engine-harness.js';
import { until } from '../support/real-network.js';
import { writeSlowModel } from '../support/slow-model.js';
import { startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

/** Some milliseconds a token: a stream in which one can act. */
const width = 16_384;

const cli = new CommandLine();
const folder = new ModelFolder();
let testnet: Testnet;
let workers: WorkerProcess[] = [];
let gateway: Command;
let url: string;
let openai: OpenAI;
/** Sees what the workers say of themselves. */
let watcher: QMeshClient;
let model: string;

beforeAll(async () => {
  testnet = await startTestnet();
  const env = {
    QMESH_MODEL: await writeSlowModel('demo', folder.path, width),
    QMESH_SLOTS: '2',
    QMESH_CONTEXT: '4096',
  };
  workers = await Promise.all([WorkerProcess.start(testnet, env), WorkerProcess.start(testnet, env)]);
  await Promise.all(workers.map((worker) => worker.ready()));
  gateway = cli.start(['serve', '--listen', '127.0.0.1:0', '--json'], {
    QMESH_HOME: workers[0]?.home ?? '', // its owner's: strangers may ask only so often
    QMESH_BOOTSTRAP: testnet.bootstrap,
    QMESH_HOST: '127.0.0.1',
  });
  ({ url } = JSON.parse(await gateway.says('serve.ready')) as { url: string });
  openai = new OpenAI({ baseURL: url, apiKey: 'any', maxRetries: 0 });
  watcher = await QMeshClient.connect({ bootstrap: testnet.bootstrap, host: '127.0.0.1' });
  await until(() => watcher.workers().length === 2, 'both workers are seen');
  for (;;) {
    const [entry] = (await openai.models.list()).data as (OpenAI.Model & { workers: number })[];
    model = entry?.id ?? '';
    if (entry?.workers === 2) break;
  }
}, 120_000);
afterAll(async () => {
  await Promise.all([cli.close(), watcher.close()]);
  await Promise.all(workers.map((worker) => worker.stop()));
  await testnet.destroy();
  folder.remove();
});

const counting = (from: number, tokens: number) => ({
  model,
  messages: [{ role: 'user' as const, content: `count from ${from}` }],
  max_completion_tokens: tokens,
  temperature: 0,
});

it('lists the models that are served, and knows each by its name', async () => {
  expect(await openai.models.retrieve(model)).toMatchObject({ id: model, object: 'model', owned_by: 'qmesh' });
  const failure = await openai.models.retrieve(`${model}x`).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(NotFoundError);
  expect(failure).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
  expect((failure as Error).message).toContain(`did you mean ${model}?`);
});

it('answers a chat, and says which worker did', async () => {
  const { data, response, request_id } = await openai.chat.completions.create(counting(5, 8)).withResponse();
  expect(data).toMatchObject({
    object: 'chat.completion',
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: expectedCount(5, 8) }, finish_reason: 'length' }],
    usage: { completion_tokens: 8, total_tokens: 8 + (data.usage?.prompt_tokens ?? NaN) },
  });
  const ids = await Promise.all(workers.map(async (worker) => (await worker.ready()).workerId));
  expect(ids).toContain(response.headers.get('x-qmesh-worker'));
  expect(response.headers.get('x-qmesh-tries')).toBe('1');
  expect(Number(response.headers.get('x-qmesh-queue-ms'))).toBeGreaterThanOrEqual(0);
  expect(response.headers.get('x-qmesh-request-id')).toBe(request_id);
});

it('streams it, with the usage at the end', async () => {
  const stream = await openai.chat.completions.create({
    ...counting(5, 20),
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(expectedCount(5, 20));
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('length');
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 20 } });
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
});

it('gives several choices, stops where it is told, and goes on with raw text', async () => {
  const { choices } = await openai.chat.completions.create({ ...counting(5, 6), n: 2 });
  expect(choices.map(({ index, message }) => [index, message.content])).toEqual([
    [0, expectedCount(5, 6)],
    [1, expectedCount(5, 6)],
  ]);
  const stopped = await openai.chat.completions.create({ ...counting(5, 20), stop: [' 9'] });
  expect(stopped.choices[0]).toMatchObject({ message: { content: '6 7 8' }, finish_reason: 'stop' });
  const raw = await openai.completions.create({ model, prompt: ['count from 5', 'count from 70'], max_tokens: 3 });
  expect(raw.choices.map(({ text }) => text)).toEqual([expectedCount(5, 3), expectedCount(70, 3)]);
});

it('holds an answer to a JSON schema', async () => {
  const shape = z.object({ next: z.number().int(), note: z.union([z.string(), z.null()]) });
  const parsed = await openai.chat.completions.parse({
    ...counting(5, 60),
    response_format: zodResponseFormat(shape, 'counted'),
  });
  expect(parsed.choices[0]?.message.parsed).toEqual({ next: 6, note: '' });
  const refused = openai.chat.completions.create({
    ...counting(5, 60),
    response_format: {
      type: 'json_schema',
      json_schema: {
        name: 'even',
        strict: true,
        schema: { type: 'object', properties: { next: { type: 'integer', multipleOf: 2 } } },
      },
    },
  });
  await expect(refused).rejects.toMatchObject({
    status: 400,
    param: 'response_format.json_schema.schema.properties.next.multipleOf',
  });
});

it('calls tools, takes what they give back, and streams a call', async () => {
  const tool = {
    type: 'function' as const,
    function: {
      name: 'add',
      description: 'Adds two numbers.',
      parameters: { type: 'object', properties: { a: { type: 'integer', minimum: 1 }, b: { type: 'integer' } } },
    },
  };
  const asked = { ...counting(5, 200), tools: [tool] };
  const free = await openai.chat.completions.create(asked);
  expect(free.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: expectedCount(5, 200) } });

  const called = await openai.chat.completions.create({ ...asked, tool_choice: 'required' });
  const { message, finish_reason } = called.choices[0]!;
  expect(finish_reason).toBe('tool_calls');
  expect(message.content).toBeNull();
  const [call] = message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
  expect(call?.function.name).toBe('add');
  expect(Object.keys(JSON.parse(call?.function.arguments ?? '') as object)).toEqual(['a', 'b']);

  const messages = [...asked.messages, message, { role: 'tool' as const, tool_call_id: call?.id ?? '', content: '11' }];
  const told = await openai.chat.completions.create({ ...asked, messages, max_completion_tokens: 3 });
  expect(told.choices[0]?.message.content).not.toBe('');

  const runner = openai.chat.completions.stream({
    ...asked,
    tool_choice: { type: 'function', function: { name: 'add' } },
  });
  const streamed = (await runner.finalChatCompletion()).choices[0]!;
  expect(streamed.finish_reason).toBe('tool_calls');
  expect(streamed.message.tool_calls?.[0]).toMatchObject({ function: call?.function ?? {} });
});

it('says what it cannot do, by the name of the parameter', async () => {
  const of = (more: object) =>
    openai.chat.completions.create({ ...counting(5, 3), ...more }).catch((error: unknown) => error);
  expect(await of({ logprobs: true })).toBeInstanceOf(BadRequestError);
  expect(await of({ logprobs: true })).toMatchObject({ status: 400, param: 'logprobs', code: 'unsupported_parameter' });
  expect(await of({ max_completion_tokens: 0 })).toMatchObject({ status: 400, param: 'max_completion_tokens' });
  expect(await of({ model: 'nobody-has-it' })).toMatchObject({ status: 404, code: 'model_not_found' });
  const long = 'word '.repeat(5_000);
  expect(await of({ messages: [{ role: 'user', content: long }] })).toMatchObject({
    status: 400,
    code: 'context_length_exceeded',
  });
});

it('cancels at the worker what a program leaves', async () => {
  const busySlots = (): number => watcher.workers().reduce((sum, { status }) => sum + status.slots.busy, 0);
  const left = new AbortController();
  const asked = counting(5, 2_900); // half a minute of it
  const stream = await openai.chat.completions.create({ ...asked, stream: true }, { signal: left.signal });
  const whole = openai.chat.completions.create(asked, { signal: left.signal }).catch(() => 'left');
  await until(() => busySlots() === 2, 'both are being answered');
  let chunks = 0;
  for await (const _ of stream) if (++chunks === 5) break;
  await until(() => busySlots() === 1, 'one slot is free again, as its stream was left');
  left.abort();
  expect(await whole).toBe('left');
  await until(() => busySlots() === 0, 'both are');
});

it('a worker dies in the middle of a stream: nobody notices', { timeout: 60_000 }, async () => {
  const tokens = 300;
  const { data: stream, response } = await openai.chat.completions
    .create({ ...counting(5, tokens), stream: true, stream_options: { include_usage: true } })
    .withResponse();
  const ids = await Promise.all(workers.map(async (worker) => (await worker.ready()).workerId));
  const victim = workers[ids.indexOf(response.headers.get('x-qmesh-worker') ?? '')];
  let text = '';
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage;
    if (text.length > 20 && victim?.isRunning === true) victim.signalAll('SIGKILL');
  }
  expect(victim?.isRunning).toBe(false);
  expect(text).toBe(expectedCount(5, tokens));
  expect(usage?.completion_tokens).toBe(tokens);
});

it('is not opened to others without a key', async () => {
  const { code, stdout } = await cli.run(['serve', '--listen', '0.0.0.0:0', '--json'], {
    QMESH_HOME: await cli.folder(),
  });
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'key_needed' } });
  expect(code).toBe(2);
});

it('stops on SIGINT once the open answers are whole', { timeout: 60_000 }, async () => {
  const stream = await openai.chat.completions.create({ ...counting(5, 100), stream: true });
  gateway.child.kill('SIGINT');
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  expect(text).toBe(expectedCount(5, 100));
  const { code, stderr } = await gateway.ended;
  expect(stderr).toBe('');
  expect(code).toBe(0);
});
