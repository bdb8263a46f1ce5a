/**
 * A real worker whose engine process is stopped under its streams, so that it lives and gives nothing; and a worker that is
 * stopped itself while its engine goes on. About 40 seconds.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedCount } from '../../src/gguf/demo-model.js';
import { Account, Mesh } from '../integration/conformance/wire-client.js';
import { ModelFolder } from '../support/engine-harness.js';
import { until } from '../support/real-network.js';
import { signalProcess } from '../support/signal.js';
import { isAlive, startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

const models = new ModelFolder();
let testnet: Testnet;
let worker: WorkerProcess;
let mesh: Mesh;
let wire: Awaited<ReturnType<Mesh['dial']>>;

const tokens = 1_500;
const prompt = (id: string, start: number) => ({
  id,
  prompt: `count from ${start}`,
  options: { temperature: 0, maxTokens: tokens },
});
const lost = () => worker.lines.filter(({ event }) => event === 'engine.lost');

beforeAll(async () => {
  testnet = await startTestnet();
  const demo = await models.model('demo');
  worker = await WorkerProcess.start(testnet, { QMESH_MODEL: demo, QMESH_SLOTS: '2', QMESH_CONTEXT: '4096' });
  const { workerId } = await worker.ready();
  mesh = new Mesh(testnet.nodes);
  wire = await mesh.dial(workerId, new Account(worker.ownerSeed)); // its owner is served however busy the machine is
});
afterAll(async () => {
  await mesh.destroy();
  await worker.stop();
  await testnet.destroy();
  models.remove();
});

async function streams(ids: readonly string[]): Promise<void> {
  ids.forEach((id, i) => wire.prompt(prompt(id, 100 * i)));
  for (const id of ids) await wire.frame((m) => m.type === 'inference_token' && m.id === id);
}

describe('an engine process that is stopped', () => {
  it('is found by its silence and replaced, and its streams go on where they were', { timeout: 60_000 }, async () => {
    const [stopped = 0] = worker.engines();
    await streams(['a', 'b']);
    signalProcess(stopped, 'SIGSTOP');
    const line = await worker.says(({ event }) => event === 'engine.lost', 40_000);
    expect(line.reason).toContain('no sign');
    expect((await wire.answer('a')).end).toMatchObject({ type: 'inference_result', text: expectedCount(0, tokens) });
    expect((await wire.answer('b')).end).toMatchObject({ type: 'inference_result', text: expectedCount(100, tokens) });
    await until(() => !isAlive(stopped), 'the stopped process is gone');
    expect(worker.engines()).toHaveLength(1);
    expect(lost()).toHaveLength(1);
  });
});

describe('a worker that is stopped for longer than it would wait for a slot', () => {
  it('reads what its engine sent meanwhile before it doubts it', { timeout: 60_000 }, async () => {
    const before = lost().length;
    const engines = worker.engines();
    await streams(['c', 'd']);
    worker.signal('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    worker.signal('SIGCONT');
    // Its connection may be lost over this; its engine must not be.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    expect(lost()).toHaveLength(before);
    expect(worker.engines()).toEqual(engines);
  });
});
