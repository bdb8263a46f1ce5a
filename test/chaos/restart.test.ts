/**
 * A worker that is killed in the middle of everything, and started again in the same home: it remembers whom it has banned, pretends
 * nothing of its queue, and its clients' streams go on. About 20 s; with more rounds in the soak.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectedKeyed, keyedKeys } from '../../src/gguf/keyed-model.js';
import { Account, Mesh, frameOfBytes, type WireClient } from '../integration/conformance/wire-client.js';
import { QMeshClient } from '../support/built-client.js';
import { ModelFolder } from '../support/engine-harness.js';
import { until } from '../support/real-network.js';
import { writeSlowModel } from '../support/slow-model.js';
import { isSoak } from '../support/soak.js';
import { startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

const rounds = isSoak ? 20 : 1;
const roundMs = 100_000;
/** Of one client; two slots and the one for the owner, so most of them wait. */
const streams = 8;
const tokens = 40;
const villain = new Account();
const models = new ModelFolder();
let testnet: Testnet;
let worker: WorkerProcess;
let client: QMeshClient;
let mesh: Mesh;

beforeAll(async () => {
  testnet = await startTestnet();
  worker = await WorkerProcess.start(testnet, env(await writeSlowModel('keyed', models.path, 16_384)));
  await worker.ready();
  mesh = new Mesh(testnet.nodes);
  client = await QMeshClient.connect({ bootstrap: testnet.bootstrap, host: '127.0.0.1', identity: worker.owner });
});
afterAll(async () => {
  await client.close();
  await mesh.destroy();
  await worker.stop();
  await testnet.destroy();
  models.remove();
});

const env = (model: string) => ({ QMESH_MODEL: model, QMESH_SLOTS: '2', QMESH_CONTEXT: '512' });

async function getBanned(): Promise<void> {
  const { workerId } = await worker.ready();
  for (let strikes = 0; strikes < 10; strikes++) {
    const wire = await mesh.dial(workerId, villain);
    wire.sendBytes(frameOfBytes(Buffer.from('nonsense')));
    await wire.closed;
  }
  const file = join(worker.home, 'conduct.json');
  const isKept = () => existsSync(file) && /"bans":1/.test(readFileSync(file, 'utf8'));
  await until(isKept, 'the ban is in the home');
}

interface Asked {
  readonly key: number;
  /** As it has come so far. */
  readonly text: () => string;
  readonly whole: Promise<string>;
}

function ask(key: number): Asked {
  const request = { prompt: `KEY${key};`, options: { maxTokens: tokens, temperature: 0 } };
  const stream = client.stream({ ...request, patienceMs: 60_000, deadlineMs: roundMs });
  let text = '';
  const whole = (async () => {
    for await (const chunk of stream) text += chunk.text;
    return (await stream.result).text;
  })();
  whole.catch(() => {});
  return { key, text: () => text, whole };
}

/** A node that knew the old process still tries its address. */
async function dial(account: Account): Promise<WireClient> {
  const { workerId } = await worker.ready();
  await mesh.destroy();
  mesh = new Mesh(testnet.nodes);
  return mesh.dial(workerId, account);
}

const dialAsOwner = () => dial(new Account(worker.ownerSeed));

const waiting = { id: 'waiting', prompt: 'KEY9;', options: { maxTokens: 5, temperature: 0 } };

it(
  'bans outlive it, the queue does not, and every stream goes on to its end',
  { timeout: rounds * roundMs },
  async () => {
    await getBanned();
    for (let round = 0; round < rounds; round++) {
      const asked = Array.from({ length: streams }, (_, i) => ask((round + i) % keyedKeys));
      await until(() => asked.filter(({ text }) => text().length > 30).length >= 2, 'some run, and others wait');
      const lost = await dialAsOwner();
      lost.prompt(waiting);
      await lost.frame(({ type, position }) => type === 'queue_status' && position > 0);
      const killedAtMs = performance.now();
      worker.signalAll('SIGKILL');
      worker = await worker.restart(env(join(models.path, 'keyed-slow.gguf')));

      const { end } = await (await dial(villain)).ask({ ...waiting, id: 'banned' });
      expect(end).toMatchObject({ type: 'inference_error', code: 'banned' });
      expect(end.retryAfterMs).toBeGreaterThan(7 * 60_000);
      for (const { key, text, whole } of asked) {
        expect(await whole).toBe(expectedKeyed(key, tokens));
        expect(text()).toBe(expectedKeyed(key, tokens));
      }
      const allEndedMs = Math.round(performance.now() - killedAtMs);

      // Of what waited it knows nothing: nothing is in its line, and the same id is a new request.
      const owner = await dialAsOwner();
      expect(await owner.frame(({ type }) => type === 'status')).toMatchObject({
        queue: { length: 0 },
        slots: { busy: 0 },
      });
      const again = await owner.ask(waiting);
      expect([again.end.type, again.streamed]).toEqual(['inference_result', expectedKeyed(9, 5)]);
      if (rounds > 1) console.log(`all ${streams} streams had ended ${allEndedMs} ms after the kill`);
    }
  },
);
