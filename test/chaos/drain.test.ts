/**
 * A worker that is told to stop, or is paused, loses nothing for anybody: real workers on a real network. What runs is finished within
 * the time to drain, or goes on at the other worker from where it was.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { askWorker } from '../../src/actors/control/ask.js';
import type { WorkerReport } from '../../src/actors/control/messages.js';
import { lockHome } from '../../src/actors/home/home.js';
import { expectedCount } from '../../src/gguf/demo-model.js';
import { QMeshClient } from '../support/built-client.js';
import { until } from '../support/real-network.js';
import { isAlive, startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

/** Some seconds. */
const tokens = 3_500;
let testnet: Testnet;
let client: QMeshClient;
let first: WorkerProcess;
let second: WorkerProcess;

beforeAll(async () => {
  testnet = await startTestnet();
});
afterAll(() => testnet.destroy());
afterEach(async () => {
  await client.close();
  await Promise.all([first.stop(), second.stop()]);
});

/** Whether the client would ask this worker. */
const isOffered = (id: string): boolean =>
  client.workers().some(({ worker, status }) => worker === id && status.health.capacity > 0);

async function tell(worker: WorkerProcess, request: Parameters<typeof askWorker>[1]): Promise<WorkerReport> {
  const answer = await askWorker({ path: worker.home }, request);
  if (typeof answer === 'string' || 'error' in answer) throw new Error(JSON.stringify(answer));
  return answer.report;
}

/** A stream at one worker, from now on `first`, and another one that the client knows. */
async function streamBesideAnother(drainMs: number) {
  const env = { QMESH_DRAIN_MS: String(drainMs) };
  [first, second] = await Promise.all([WorkerProcess.start(testnet, env), WorkerProcess.start(testnet, env)]);
  const ids = (await Promise.all([first.ready(), second.ready()])).map(({ workerId }) => workerId);
  client = await QMeshClient.connect({ bootstrap: testnet.bootstrap, host: '127.0.0.1', identity: first.owner });
  await until(() => ids.every(isOffered), 'both workers are known');
  const request = { prompt: 'count from 3', options: { temperature: 0, maxTokens: tokens }, patienceMs: 30_000 };
  const stream = client.stream(request);
  let text = '';
  const whole = (async () => {
    for await (const chunk of stream) text += chunk.text;
    return { text, answer: await stream.result };
  })();
  whole.catch(() => {});
  await until(() => text.length > 20, 'the stream has begun');
  if ((await tell(first, { do: 'status' })).slots.busy === 0) {
    [first, second] = [second, first];
    ids.reverse();
  }
  const [id = '', other = ''] = ids;
  return { id, other, whole };
}

const greeting = { prompt: 'count from 40', options: { temperature: 0, maxTokens: 5 }, patienceMs: 30_000 };

it('finishes what it answers while others are sent elsewhere, and leaves nothing behind', async () => {
  const { id, other, whole } = await streamBesideAnother(60_000);
  const engines = first.engines();
  first.signal('SIGSTOP'); // so that the stream cannot end before the worker hears of the signal
  first.signal('SIGTERM');
  first.signal('SIGCONT');
  await until(() => !isOffered(id), 'it says that it takes nothing new');
  const meanwhile = await client.generate(greeting);
  expect(meanwhile).toMatchObject({ text: expectedCount(40, 5), worker: other });
  const { text, answer } = await whole;
  expect(text).toBe(expectedCount(3, tokens));
  expect(answer).toMatchObject({ worker: id, tries: [{ worker: id }] });
  expect(await first.exited).toEqual({ code: 0, signal: null });
  expect(engines.filter(isAlive)).toEqual([]);
  expect(existsSync(join(first.home, 'control.sock'))).toBe(false);
  lockHome({ path: first.home }).release(); // throws where it is held
});

it('hands over what it cannot finish in time, from where it was', async () => {
  const { id, other, whole } = await streamBesideAnother(0);
  first.signal('SIGTERM');
  const { text, answer } = await whole;
  expect(text).toBe(expectedCount(3, tokens));
  expect(answer.tries.map(({ worker }) => worker)).toEqual([id, other]);
  expect(await first.exited).toEqual({ code: 0, signal: null });
});

it('qmesh stop --now does not wait for what runs, also while it drains already', async () => {
  const { id, other, whole } = await streamBesideAnother(600_000);
  expect(await tell(first, { do: 'stop' })).toMatchObject({ pid: first.pid });
  await until(() => !isOffered(id), 'it says that it takes nothing new');
  expect(await tell(first, { do: 'status' })).toMatchObject({ state: 'draining' });
  await tell(first, { do: 'stop', now: true });
  const { text, answer } = await whole;
  expect(text).toBe(expectedCount(3, tokens));
  expect(answer.tries.map(({ worker }) => worker)).toEqual([id, other]);
  expect(await first.exited).toEqual({ code: 0, signal: null });
});

it('a paused worker finishes what it answers, takes nothing new, and comes back', async () => {
  const { id, other, whole } = await streamBesideAnother(30_000);
  expect(await tell(first, { do: 'pause' })).toMatchObject({ state: 'paused', untilMs: null });
  await until(() => !isOffered(id), 'it says that it takes nothing new');
  expect(await client.generate(greeting)).toMatchObject({ text: expectedCount(40, 5), worker: other });
  const { text, answer } = await whole;
  expect(text).toBe(expectedCount(3, tokens));
  expect(answer.tries).toHaveLength(1);
  expect(await tell(first, { do: 'resume' })).toMatchObject({ state: 'on_duty' });
  await until(() => isOffered(id), 'it is back');
});
