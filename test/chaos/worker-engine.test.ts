/**
 * Real workers, `node dist/worker.js`, whose engine processes are killed under their streams, at every start, or by the
 * models they are given; and workers that are told to stop. About 1 minute.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/client/answer-stream.js';
import { QMeshClient } from '../support/built-client.js';
import { demoModelName, expectedCount } from '../../src/gguf/demo-model.js';
import { expectedKeyed } from '../../src/gguf/keyed-model.js';
import { Account, Mesh } from '../integration/conformance/wire-client.js';
import { ModelFolder } from '../support/engine-harness.js';
import { writeHostileModels, type HostileModel } from '../support/hostile-models.js';
import { until } from '../support/real-network.js';
import { signalProcess } from '../support/signal.js';
import { holdsFile, isAlive, startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

const greedy = { temperature: 0 } as const;
const models = new ModelFolder();
let testnet: Testnet;
let client: QMeshClient;
let demo: string;
let keyed: string;
const workers: WorkerProcess[] = [];

beforeAll(async () => {
  [demo, keyed] = await Promise.all([models.model('demo'), models.model('keyed')]);
  testnet = await startTestnet();
});
afterAll(async () => {
  await testnet.destroy();
  models.remove();
});

/** As the owner of `worker`, whose rate nothing limits; as a guest without. */
const connect = (worker?: WorkerProcess) =>
  QMeshClient.connect({
    bootstrap: testnet.bootstrap,
    host: '127.0.0.1',
    ...(worker === undefined ? {} : { identity: worker.owner }),
  });

async function startWorker(env: Readonly<Record<string, string>>): Promise<WorkerProcess> {
  const worker = await WorkerProcess.start(testnet, env);
  workers.push(worker);
  return worker;
}
const stopAll = () => Promise.all(workers.splice(0).map((worker) => worker.stop()));

/** The engine process of `worker` that serves the file at `path`, as soon as there is one other than the `dead` one. */
async function engineOf(worker: WorkerProcess, path: string, dead?: number): Promise<number> {
  let found: number | undefined;
  await until(
    () => {
      found = worker.engines().find((engine) => engine !== dead && holdsFile(engine, path));
      return found !== undefined;
    },
    `an engine that serves ${basename(path)}`,
  );
  return found!;
}

const lineOf = (event: string) => (line: { readonly event?: string }) => line.event === event;

/** One worker answered, in one try: its connection was never lost. */
const expectUnbroken = ({ tries }: Answer, workerId: string): void =>
  expect(tries).toEqual([{ worker: workerId, failure: undefined }]);

describe('an engine that dies', () => {
  let worker: WorkerProcess;
  let workerId: string;
  let mesh: Mesh;

  beforeAll(async () => {
    worker = await startWorker({ QMESH_MODEL: `${demo},${keyed}`, QMESH_CONTEXT: '2048' });
    ({ workerId } = await worker.ready());
    await Promise.all([engineOf(worker, demo), engineOf(worker, keyed)]);
    mesh = new Mesh(testnet.nodes);
    client = await connect(worker);
    return async () => {
      await client.close();
      await mesh.destroy();
      await stopAll();
    };
  });

  const tokens = 400;
  const starts = [3, 40, 500, 999];

  it.each<[signal: NodeJS.Signals, when: string, afterTokens: number]>([
    ['SIGKILL', 'at the first tokens', 1],
    ['SIGKILL', 'in the middle', 800],
    ['SIGKILL', 'near the end', 1_500],
    ['SIGABRT', 'in the middle, as llama.cpp aborts', 800],
    ['SIGSEGV', 'in the middle', 800],
  ])('by %s, %s, costs no stream a character and nobody else anything', async (signal, _, afterTokens) => {
    const watcher = await mesh.dial(workerId);
    const [dying, other] = await Promise.all([engineOf(worker, demo), engineOf(worker, keyed)]);
    const from = worker.lines.length;
    let heard = 0;
    const beside = client.generate({ model: 'keyed', prompt: 'KEY7;', options: { ...greedy, maxTokens: 140 } });
    const answers = starts.map(async (start) => {
      const stream = client.stream({
        model: 'demo',
        prompt: `count from ${start}`,
        options: { ...greedy, maxTokens: tokens },
      });
      let text = '';
      for await (const chunk of stream) {
        text += chunk.text;
        if (heard < afterTokens && heard + chunk.tokens >= afterTokens) signalProcess(dying, signal);
        heard += chunk.tokens;
      }
      expect(text).toBe(expectedCount(start, tokens));
      expectUnbroken(await stream.result, workerId);
    });
    await Promise.all(answers);
    const besideIt = await beside;
    expect(besideIt.text).toBe(expectedKeyed(7, 140));
    expectUnbroken(besideIt, workerId);

    const lost = await worker.says(lineOf('engine.lost'), 10_000, from);
    expect(lost.reason).toContain(signal);
    expect(isAlive(dying)).toBe(false);
    expect(worker.isRunning).toBe(true);
    expect(await engineOf(worker, keyed)).toBe(other);
    expect(watcher.isClosed).toBe(false);
    await watcher.close();
  });

  it('twice under the same streams: the second time they are handed back, and asked again from where they were', async () => {
    const first = await engineOf(worker, demo);
    let second: Promise<void> | undefined;
    const answers = starts.map(async (start) => {
      let text = '';
      const stream = client.stream({
        model: 'demo',
        prompt: `count from ${start}`,
        options: { ...greedy, maxTokens: tokens },
      });
      for await (const chunk of stream) {
        text += chunk.text;
        if (text.length > 200 && second === undefined) {
          signalProcess(first, 'SIGKILL');
          second = engineOf(worker, demo, first).then((pid) => signalProcess(pid, 'SIGKILL'));
        }
      }
      expect(text).toBe(expectedCount(start, tokens));
      for (const { worker: asked } of (await stream.result).tries) expect(asked).toBe(workerId);
    });
    await Promise.all(answers);
    await second;
  });

  it('under an answer constrained by a JSON schema, costs it nothing either', async () => {
    const jsonSchema = { type: 'object', properties: { n: { type: 'integer' }, text: { type: 'string' } } };
    const asked = {
      model: 'demo',
      prompt: 'count from 7',
      options: { temperature: 1, seed: 3, maxTokens: 400, jsonSchema },
    };
    const { text: undisturbed } = await client.generate(asked);
    const dying = await engineOf(worker, demo);
    const stream = client.stream(asked);
    let text = '';
    for await (const chunk of stream) {
      if (text.length < 600 && text.length + chunk.text.length >= 600) signalProcess(dying, 'SIGKILL');
      text += chunk.text;
    }
    expect(text).toBe(undisturbed);
    expectUnbroken(await stream.result, workerId);
    expect(isAlive(dying)).toBe(false);
  });

  it('together with the other one, as long prompts come in, costs no client an answer', async () => {
    const dying = await Promise.all([engineOf(worker, demo), engineOf(worker, keyed)]);
    const long = 'x'.repeat(1_500);
    const answers = [11, 12, 13].flatMap((key) => [
      client.generate({ model: 'keyed', prompt: `KEY${key};${long}`, options: { ...greedy, maxTokens: 40 } }),
      client.generate({
        model: 'demo',
        prompt: `count from ${key}${'.'.repeat(1_500)}`,
        options: { ...greedy, maxTokens: 40 },
      }),
    ]);
    setTimeout(() => dying.forEach((pid) => signalProcess(pid, 'SIGKILL')), 15);
    const texts = (await Promise.all(answers)).map(({ text }) => text);
    expect(texts).toEqual([11, 12, 13].flatMap((key) => [expectedKeyed(key, 40), expectedCount(key, 40)]));
    expect(dying.map(isAlive)).toEqual([false, false]);
  });

  it('at every start is given up after three deaths, with a reason, and the other model is served on', async () => {
    const untouched = await engineOf(worker, demo);
    const from = worker.lines.length;
    const killed = new Set<number>();
    const killEach = setInterval(() => {
      for (const pid of worker.engines())
        if (pid !== untouched && !killed.has(pid)) {
          killed.add(pid);
          signalProcess(pid, 'SIGKILL');
        }
    }, 5);
    const quarantined = await worker.says(lineOf('engine.quarantined'), 30_000, from);
    expect(quarantined).toMatchObject({ model: 'keyed', reason: expect.stringContaining('SIGKILL') });
    expect(quarantined.next).toContain('replace the file');
    expect(killed.size).toBe(3);

    // Nothing spins: while the other model answers, this process hardly works.
    const cpuMs = worker.cpuMs();
    const startMs = performance.now();
    for (let i = 0; performance.now() - startMs < 2_000; i++) {
      const { text } = await client.generate({
        model: 'demo',
        prompt: `count from ${i % 900}`,
        options: { ...greedy, maxTokens: 50 },
      });
      expect(text).toBe(expectedCount(i % 900, 50));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    clearInterval(killEach);
    expect(worker.cpuMs() - cpuMs).toBeLessThan(1_000);
    expect(killed.size).toBe(3);
    expect(worker.engines()).toEqual([untouched]);
    const gone = client.generate({ model: 'keyed', prompt: 'KEY1;', patienceMs: 300 });
    await expect(gone).rejects.toMatchObject({ code: 'no_worker' });
  });
});

describe('hostile models', () => {
  const folder = mkdtempSync(join(tmpdir(), 'qmesh-hostile-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(stopAll);

  it('beside a good one are each refused by name and reason, while the good one answers', async () => {
    const hostile = await writeHostileModels(folder);
    const worker = await startWorker({
      QMESH_MODEL: [demo, ...hostile.map(({ path }) => path)].join(','),
      QMESH_SLOTS: '2',
    });
    const { workerId } = await worker.ready();
    client = await connect(worker);
    const [bad, odd] = [hostile.filter(isBad), hostile.filter((model) => !isBad(model))];
    const settled = () => worker.lines.filter(({ event }) => event === 'model.refused' || event === 'engine.refused');
    let asked = 0;
    let mostEngines = 0;
    const startMs = performance.now();
    do {
      const { text, tries } = await client.generate({
        model: 'demo',
        prompt: `count from ${asked % 900}`,
        options: { ...greedy, maxTokens: 20 },
        patienceMs: 40_000, // until it was tried itself
      });
      expect(text).toBe(expectedCount(asked % 900, 20));
      expect(tries).toEqual([{ worker: workerId, failure: undefined }]);
      asked++;
      mostEngines = Math.max(mostEngines, worker.engines().length);
    } while (settled().length < bad.length && performance.now() - startMs < 60_000);
    const refused = new Map(settled().map((line) => [basename(String(line.model)), String(line.reason)]));
    expect([...refused.keys()].sort()).toEqual(bad.map(({ path }) => basename(path)).sort());
    for (const [name, reason] of refused) expect(reason.length, name).toBeGreaterThan(10);
    // Two on trial at once, beside those that serve: the good one and the two that are only odd.
    expect(mostEngines).toBeLessThanOrEqual(2 + 1 + odd.length);
    await Promise.all(odd.map(({ path }) => engineOf(worker, path)));
    expect(worker.isRunning).toBe(true);
  });

  const isBad = ({ refusedBy }: HostileModel): boolean => refusedBy !== 'served';
});

describe('a worker', () => {
  afterEach(stopAll);
  const long = (id: string, more: object = {}) => ({
    id,
    prompt: 'count from 1',
    options: { ...greedy, maxTokens: 1_500 },
    ...more,
  });

  /** Two slots, two running streams, one request that waits. */
  async function busyWorker(): Promise<{ worker: WorkerProcess; mesh: Mesh; wire: Awaited<ReturnType<Mesh['dial']>> }> {
    const worker = await startWorker({ QMESH_MODEL: demo, QMESH_SLOTS: '2', QMESH_CONTEXT: '2048' });
    const { workerId } = await worker.ready();
    const mesh = new Mesh(testnet.nodes);
    const wire = await mesh.dial(workerId, new Account(worker.ownerSeed));
    // Two slots, and the one that is kept for the owner.
    for (const id of ['first', 'second', 'third', 'waiting']) wire.prompt(long(id));
    for (const id of ['first', 'second', 'third']) await wire.frame((m) => m.type === 'inference_token' && m.id === id);
    return { worker, mesh, wire };
  }

  it('told to stop finishes what runs, hands back what waits, refuses what comes, and exits 0', async () => {
    const { worker, mesh, wire } = await busyWorker();
    const engines = worker.engines();
    worker.signal('SIGTERM');
    const { end } = await wire.answer('waiting');
    expect(end).toMatchObject({ type: 'inference_error', code: 'shutting_down', retryable: true });
    expect(wire.received.some(({ message }) => message.type === 'inference_result')).toBe(false);
    const late = await wire.ask(long('late'));
    expect(late.end).toMatchObject({ code: 'shutting_down', retryable: true });
    for (const id of ['first', 'second', 'third'])
      expect((await wire.answer(id)).end).toMatchObject({ text: expectedCount(1, 1_500), finishReason: 'length' });
    await wire.closed;
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(worker.lines.some(lineOf('worker.stopped'))).toBe(true);
    expect(engines.filter(isAlive)).toEqual([]);
    await mesh.destroy();
  });

  it('told so twice ends at once, and takes its engine along', async () => {
    const { worker, mesh, wire } = await busyWorker();
    const engines = worker.engines();
    worker.signal('SIGTERM');
    await worker.says(lineOf('worker.stopping'));
    worker.signal('SIGTERM');
    expect(await worker.exited).toEqual({ code: 130, signal: null });
    expect(wire.received.some(({ message }) => message.type === 'inference_result')).toBe(false);
    expect(engines).toHaveLength(1);
    await until(() => !engines.some(isAlive), 'the engine is gone');
    await mesh.destroy();
  });

  it('that is killed leaves no engine behind', async () => {
    const { worker, mesh } = await busyWorker();
    const engines = worker.engines();
    worker.signal('SIGKILL');
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(engines).toHaveLength(1);
    await until(() => !engines.some(isAlive), 'the engine is gone');
    await mesh.destroy();
  });

  it('that starts after its client was asked still answers it', async () => {
    const early = await connect();
    const answer = early.generate({
      model: demoModelName,
      prompt: 'count from 5',
      options: { ...greedy, maxTokens: 10 },
      patienceMs: 45_000,
    });
    const worker = await startWorker({}); // no model named: it makes the demo model first
    expect((await answer).text).toBe(expectedCount(5, 10));
    expect(worker.lines.some(lineOf('worker.ready'))).toBe(true);
    await early.close();
  });
});
