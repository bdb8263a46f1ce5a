/**
 * Eight streams at once through the mesh, on the model whose every token depends on its own prompt, with cancels at any moment;
 * and a cancel while a long prompt is being read. About 20 s.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { QMeshClient } from '../support/built-client.js';
import { expectedKeyed, keyedKeys, keyedSteps } from '../../src/gguf/keyed-model.js';
import { seededRandom } from '../../src/runtime/random.js';
import { Account, Mesh } from '../integration/conformance/wire-client.js';
import { ModelFolder } from '../support/engine-harness.js';
import { startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

const greedy = { temperature: 0 } as const;
const models = new ModelFolder();
let testnet: Testnet;
let worker: WorkerProcess;

beforeAll(async () => {
  testnet = await startTestnet();
  const keyed = await models.model('keyed');
  worker = await WorkerProcess.start(testnet, { QMESH_MODEL: keyed, QMESH_SLOTS: '8', QMESH_CONTEXT: '2048' });
  await worker.ready();
});
afterAll(async () => {
  await worker.stop();
  await testnet.destroy();
  models.remove();
});

it('eight at once, prompts of all lengths, some cancelled anywhere: every text is exact, or a beginning of it', async () => {
  const client = await QMeshClient.connect({ bootstrap: testnet.bootstrap, host: '127.0.0.1', identity: worker.owner });
  const random = seededRandom(8);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const ends = { whole: 0, cancelled: 0 };
  const lane = async (): Promise<void> => {
    for (let round = 0; round < 8; round++) {
      const key = below(keyedKeys);
      const maxTokens = 1 + below(keyedSteps);
      const cancelAfter = random.next() < 0.4 ? below(maxTokens) : Infinity;
      const stream = client.stream({
        model: 'keyed',
        prompt: `${'y'.repeat(below(600))}KEY${key};${'x'.repeat(below(900))}`,
        options: { ...greedy, maxTokens },
        patienceMs: 30_000,
      });
      if (cancelAfter === 0) stream.cancel();
      let [text, tokens] = ['', 0];
      for await (const chunk of stream) {
        text += chunk.text;
        tokens += chunk.tokens;
        if (tokens >= cancelAfter) stream.cancel();
      }
      const { finishReason, text: whole } = await stream.result;
      expect(text).toBe(whole);
      const expected = expectedKeyed(key, maxTokens);
      if (finishReason === 'cancelled') expect(expected.startsWith(text)).toBe(true);
      else expect(text).toBe(expected);
      ends[finishReason === 'cancelled' ? 'cancelled' : 'whole']++;
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  expect(ends.whole).toBeGreaterThan(20);
  expect(ends.cancelled).toBeGreaterThan(5);
  await client.close();
});

it('a cancel of a long prompt acts within a slice of it', async () => {
  // Of the shape of a real model of half a billion weights: reading a thousand tokens takes many seconds.
  const slow = await WorkerProcess.start(testnet, {
    QMESH_MODEL: await models.model('bench-0.5b'),
    QMESH_SLOTS: '1',
    QMESH_CONTEXT: '2048',
  });
  const mesh = new Mesh(testnet.nodes);
  try {
    const { workerId } = await slow.ready();
    const wire = await mesh.dial(workerId, new Account(slow.ownerSeed));
    const sentence = 'all work and no play ';
    const ask = (words: number) => ({ prompt: sentence.repeat(words), options: { ...greedy, maxTokens: 1 } });
    const short = await wire.ask({ id: 'short', ...ask(8) });
    expect(short.end).toMatchObject({ type: 'inference_result' });
    const { usage, timing } = short.end as unknown as { usage: { promptTokens: number }; timing: { totalMs: number } };
    const tokenMs = timing.totalMs / usage.promptTokens;

    wire.prompt({ id: 'long', ...ask(70) });
    await wire.frame((m) => m.id === 'long' && m.type === 'queue_status' && m.position === 0);
    await new Promise((resolve) => setTimeout(resolve, 2 * 64 * tokenMs)); // some slices of it are read by now
    wire.cancel('long');
    const startMs = performance.now();
    const { end } = await wire.answer('long');
    const cutMs = performance.now() - startMs;
    expect(end).toMatchObject({ type: 'inference_result', finishReason: 'cancelled', text: '' });
    const wholeMs = end.usage.promptTokens * tokenMs;
    expect(end.usage.promptTokens).toBeGreaterThan(1_000);
    expect(cutMs).toBeLessThan(wholeMs / 4);
  } finally {
    await mesh.destroy();
    await slow.stop();
  }
});
