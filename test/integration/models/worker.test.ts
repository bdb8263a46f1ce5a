/**
 * Workers that have their models from each other: real processes on a DHT of their own, which know nothing but that. What a seeder can do
 * wrong is tried in mesh-fetch.test.ts; here is what a worker makes of it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectedCount } from '../../../src/gguf/demo-model.js';
import { writeModel } from '../../../src/gguf/models.js';
import { QMeshClient } from '../../support/built-client.js';
import { dist } from '../../support/dist.js';
import { writeHostileModels } from '../../support/hostile-models.js';
import { closeMesh, mebibyte, newFolder } from '../../support/model-mesh.js';
import { ScriptProcess } from '../../support/script-process.js';
import { until } from '../../support/real-network.js';
import { holdsFile, startTestnet, WorkerProcess, type Testnet } from '../../support/worker-process.js';

const root = resolve(import.meta.dirname, '../../..');

let testnet: Testnet;
const workers: WorkerProcess[] = [];
const scripts: ScriptProcess[] = [];

/** Gives up after 20 s, while the others are tried. */
let lonely: WorkerProcess;

beforeAll(async () => {
  testnet = await startTestnet();
  lonely = await WorkerProcess.start(testnet, { QMESH_MODEL: 'nobody-has-it' });
});
afterEach(async () => {
  await Promise.all([...workers.splice(0).map((worker) => worker.stop()), ...scripts.splice(0).map((it) => it.kill())]);
  await closeMesh();
});
afterAll(async () => {
  await lonely.stop();
  await testnet.destroy();
});

async function startWorker(env: Readonly<Record<string, string>>, home = mkdtempSync(join(tmpdir(), 'qmesh-worker-'))) {
  const worker = await WorkerProcess.start(testnet, { QMESH_SLOTS: '1', QMESH_CONTEXT: '256', ...env }, home);
  workers.push(worker);
  return worker;
}

/** A model that counts, and is not one that anybody else has. */
async function writeOwnModel(folder: string, name: string, bytes: number): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.gguf`);
  await writeModel('demo', path);
  writeFileSync(path, randomBytes(bytes - statSync(path).size), { flag: 'a' });
  return path;
}

/** What of a fetch is on the disk: a part has holes. */
function fetchedBytes(home: string): number {
  const folder = join(home, 'models/.incoming');
  if (!existsSync(folder)) return 0;
  const parts = readdirSync(folder).filter((file) => file.endsWith('.mesh'));
  return parts.reduce((sum, file) => sum + 512 * statSync(join(folder, file)).blocks, 0);
}

async function count(model: string, pin: string): Promise<string> {
  const client = await QMeshClient.connect({ bootstrap: testnet.bootstrap, host: '127.0.0.1' });
  try {
    const answer = await client.generate({ prompt: 'count from 5', model, pin, options: { maxTokens: 8, temperature: 0 } });
    return answer.text.trim();
  } finally {
    await client.close();
  }
}

describe('a worker that lacks its model', () => {
  it('fetches it by name from one that has it, through a kill; serves it; and is itself who the next one has it from', async () => {
    const bytes = 24 * mebibyte;
    const home = mkdtempSync(join(tmpdir(), 'qmesh-worker-'));
    const path = await writeOwnModel(join(home, 'models'), 'house-model', bytes);
    const first = await startWorker({ QMESH_MODEL: 'house-model', QMESH_UP_KBPS: '8000' }, home);
    await first.ready();

    const victim = await startWorker({ QMESH_MODEL: 'house-model' });
    await until(() => fetchedBytes(victim.home) > 8 * mebibyte, 'a part of it', 30_000);
    victim.signal('SIGKILL');
    await victim.exited;
    const kept = fetchedBytes(victim.home);
    workers.splice(workers.indexOf(victim), 1); // its home lives on
    const second = await victim.restart({ QMESH_MODEL: 'house-model', QMESH_SLOTS: '1', QMESH_CONTEXT: '256' });
    workers.push(second);
    const resumed = await second.says(({ event }) => event === 'model.fetching');
    expect(resumed.bytes).toBeGreaterThanOrEqual(kept - 3 * mebibyte); // what was written and not yet noted
    const { workerId } = await second.ready();
    expect(readFileSync(join(second.home, 'models/house-model.gguf')).equals(readFileSync(path))).toBe(true);
    expect(await count('house-model', workerId)).toBe(expectedCount(5, 8));

    await first.stop();
    const third = await startWorker({ QMESH_MODEL: 'house-model' });
    expect(await count('house-model', (await third.ready()).workerId)).toBe(expectedCount(5, 8));
  }, 120_000);

  it('never serves a hostile file under a good name, and keeps nothing of it; its other model is served all along', async () => {
    const folder = newFolder();
    const [hostile] = (await writeHostileModels(folder)).filter(({ name }) => name === 'tensors-nan');
    const path = join(newFolder(), 'good-name.gguf');
    writeFileSync(path, readFileSync(hostile!.path));
    const script = join(root, 'test/support/model-seeder.mjs');
    const seeder = new ScriptProcess(script, [dist, testnet.bootstrap, newFolder(), path]);
    scripts.push(seeder);
    await seeder.says('seeding');
    const worker = await startWorker({ QMESH_MODEL: 'qmesh-demo,good-name' });
    const { workerId } = await worker.ready();
    const serving = (): number[] =>
      worker.engines().filter((pid) => holdsFile(pid, join(worker.home, 'models/qmesh-demo.gguf')));
    const engines = serving();
    expect(engines).toHaveLength(1);
    const refused = await worker.says(({ event }) => event === 'model.refused');
    expect(refused).toMatchObject({ model: 'good-name' });
    expect(readdirSync(join(worker.home, 'models')).filter((file) => file.startsWith('good-name'))).toEqual([]);
    expect(serving()).toEqual(engines);
    expect(await count('qmesh-demo', workerId)).toBe(expectedCount(5, 8));
  }, 60_000);

  it('that nobody has ends soon, and says where it looked', async () => {
    expect((await lonely.exited).code).toBe(1);
    const said = lonely.lines.map(({ text }) => text).join('\n');
    expect(said).toContain('There is no model nobody-has-it');
    expect(said).toContain('nobody in the mesh offers nobody-has-it');
  }, 60_000);
});

describe('a worker with two models and memory for one', () => {
  it('loads each when it is asked for, in place of the other one', async () => {
    const home = mkdtempSync(join(tmpdir(), 'qmesh-worker-'));
    for (const name of ['one', 'two']) await writeOwnModel(join(home, 'models'), name, 9 * mebibyte);
    const worker = await startWorker({ QMESH_MODEL: 'one,two', QMESH_MEMORY_MB: '220', QMESH_SHARE_MODELS: '0' }, home);
    const { workerId } = await worker.ready();
    for (const name of ['one', 'two', 'one']) {
      expect(await count(name, workerId)).toBe(expectedCount(5, 8));
      const engines = worker.engines().filter((pid) => holdsFile(pid, join(home, `models/${name}.gguf`)));
      expect(engines).toHaveLength(1);
      expect(worker.engines()).toEqual(engines);
    }
  }, 60_000);
});
