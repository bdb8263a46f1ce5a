/**
 * A worker whose machine sleeps: the worker and its engine are stopped and go on 20 s later, when every peer has given it up. It is
 * back in its mesh within seconds, with the engine that it had.
 */
import process from 'node:process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { QMeshClient } from '../support/built-client.js';
import { expectedCount } from '../../src/gguf/demo-model.js';
import { signalProcess } from '../support/signal.js';
import { startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

/** Longer than the transport of the other side bears silence. */
const sleepMs = 20_000;
let testnet: Testnet;
let client: QMeshClient;
let worker: WorkerProcess;

beforeAll(async () => {
  testnet = await startTestnet();
  worker = await WorkerProcess.start(testnet);
  await worker.ready();
  client = await QMeshClient.connect({ bootstrap: testnet.bootstrap, host: '127.0.0.1', identity: worker.owner });
});
afterAll(async () => {
  await client.close();
  await worker.stop();
  await testnet.destroy();
});

const ask = async (start: number): Promise<void> => {
  const { text } = await client.generate({
    prompt: `count from ${start}`,
    options: { temperature: 0, maxTokens: 5 },
    patienceMs: 30_000,
  });
  expect(text).toBe(expectedCount(start, 5));
};

it('is asked again soon after it woke, and nothing in it was restarted', async () => {
  await ask(1);
  const engines = worker.engines();
  expect(engines).toHaveLength(1);
  const all = [worker.pid, ...engines];
  for (const pid of all) signalProcess(pid, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, sleepMs));
  for (const pid of all) signalProcess(pid, 'SIGCONT');
  const wokeMs = performance.now();
  await ask(7);
  const backMs = performance.now() - wokeMs;
  if (process.env.QMESH_FIGURES === '1') process.stdout.write(`back after ${backMs.toFixed(0)} ms\n`);
  expect(backMs).toBeLessThan(10_000); // 5 s at most where the machine has time
  // What watches over the engine and the network has had the time to err.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await ask(20);
  expect(worker.engines()).toEqual(engines);
  expect(worker.lines.filter(({ event }) => event === 'child.failed' || event === 'engine.failed')).toEqual([]);
});
