/**
 * One stranger that sends prompts as fast as it can, two hundred that are connected and silent, and fifty that drip bytes and do not read;
 * beside them the worker's owner, who goes on asking. About 25 s; longer and faster in the soak, with figures.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askWorker } from '../../src/actors/control/ask.js';
import type { WorkerReport } from '../../src/actors/control/messages.js';
import { expectedKeyed, keyedKeys } from '../../src/gguf/keyed-model.js';
import { limits } from '../../src/protocol/limits.js';
import { Account, Mesh, type WireClient } from '../integration/conformance/wire-client.js';
import { ModelFolder } from '../support/engine-harness.js';
import { writeSlowModel } from '../support/slow-model.js';
import { isSoak } from '../support/soak.js';
import { memoryMb, startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

const crowd = { idle: 200, slow: 50, promptsPerSecond: isSoak ? 20_000 : 8_000 };
const floodMs = isSoak ? 40_000 : 8_000;
const calmMs = isSoak ? 10_000 : 4_000;
/** What a worker may hold of such a crowd: of each slow one the frame that it has begun, of the flooder one frame's bytes. */
const growthMb = 120;
const tokens = 4;

const models = new ModelFolder();
let testnet: Testnet;
let worker: WorkerProcess;
let workerId: string;
let mesh: Mesh;
let owner: WireClient;

beforeAll(async () => {
  testnet = await startTestnet();
  worker = await WorkerProcess.start(testnet, {
    QMESH_MODEL: await writeSlowModel('keyed', models.path),
    QMESH_SLOTS: '4',
    QMESH_CONTEXT: '512',
  });
  ({ workerId } = await worker.ready());
  mesh = new Mesh(testnet.nodes);
  owner = await mesh.dial(workerId, new Account(worker.ownerSeed));
});
afterAll(async () => {
  await mesh.destroy();
  await worker.stop();
  await testnet.destroy();
  models.remove();
});

interface Seen {
  readonly sent: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly connected: number;
  readonly flooderLost: number;
}

class Crowd {
  readonly #process: ChildProcess = fork(join(import.meta.dirname, '../support/crowd.mjs'));

  static async gather(): Promise<Crowd> {
    const it = new Crowd();
    it.#process.send({ bootstrap: testnet.nodes, workerId, ...crowd });
    await once(it.#process, 'message');
    return it;
  }

  async seen(): Promise<Seen> {
    this.#process.send('what have you seen?');
    const [seen] = (await once(this.#process, 'message')) as [Seen];
    return seen;
  }

  async disperse(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }
}

async function report(): Promise<WorkerReport> {
  const answer = await askWorker({ path: worker.home }, { do: 'status' });
  if (typeof answer === 'string' || 'error' in answer) throw new Error(JSON.stringify(answer));
  return answer.report;
}

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? NaN;
const summary = (values: readonly number[]) => ({
  median: Math.round(10 * quantile(values, 0.5)) / 10,
  p95: Math.round(10 * quantile(values, 0.95)) / 10,
  worst: Math.round(10 * quantile(values, 1)) / 10,
});

let asked = 0;
/** The owner asks, one after the other: how long until the first token, and how soon the worker answers at its other door. */
async function askFor(ms: number): Promise<{ firstTokenMs: number[]; answersMs: number[]; memoryMb: number }> {
  const [firstTokenMs, answersMs]: [number[], number[]] = [[], []];
  let mostMb = 0;
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) {
    const [id, key] = [`h${++asked}`, asked % keyedKeys];
    const from = owner.received.length;
    const sentMs = Date.now();
    owner.prompt({ id, prompt: `KEY${key};`, options: { maxTokens: tokens, temperature: 0 } });
    const { end, streamed } = await owner.answer(id, from);
    expect([end.type, streamed]).toEqual(['inference_result', expectedKeyed(key, tokens)]);
    const first = owner.received.slice(from).find(({ message }) => message.id === id && 'index' in message);
    firstTokenMs.push((first?.atMs ?? Infinity) - sentMs);
    const askedMs = performance.now();
    await report();
    answersMs.push(performance.now() - askedMs);
    mostMb = Math.max(mostMb, memoryMb(worker.pid));
  }
  return { firstTokenMs, answersMs, memoryMb: mostMb };
}

it(
  'an honest client hardly notices; the worker stays small, and forgets them all',
  async () => {
    await askFor(calmMs / 2);
    const calm = await askFor(calmMs);
    const gatheredAtMs = performance.now();
    const strangers = await Crowd.gather();
    const before = await strangers.seen();
    const flood = await askFor(floodMs);
    const after = await strangers.seen();
    const during = await report();
    await strangers.disperse();
    await expect.poll(async () => (await report()).peers, { timeout: 30_000 }).toBe(1);
    const calmAgain = await askFor(calmMs);

    const usual = [...calm.firstTokenMs, ...calmAgain.firstTokenMs];
    const promptsPerSecond = Math.round((1_000 * (after.sent - before.sent)) / floodMs);
    if (isSoak)
      console.log({
        promptsPerSecond,
        ends: after.ends,
        flooderLost: after.flooderLost,
        usualMs: summary(usual),
        floodMs: summary(flood.firstTokenMs),
        answersMs: summary(flood.answersMs),
        memoryMb: [calm.memoryMb, flood.memoryMb, calmAgain.memoryMb],
      });
    expect(promptsPerSecond).toBeGreaterThan(1_000);
    // Answered at its pace, with one burst more for each time that it came back.
    const ends = Object.values(after.ends).reduce((sum, count) => sum + count, 0);
    const seconds = (performance.now() - gatheredAtMs) / 1_000;
    expect(ends).toBeLessThan(limits.maxFramesAtOnce * (after.flooderLost + 1) + limits.maxFramesPerSecond * seconds);
    expect(after.connected).toBeGreaterThanOrEqual(crowd.idle);
    expect(during.peers).toBeGreaterThan(crowd.idle);
    expect(quantile(flood.firstTokenMs, 0.5)).toBeLessThan(2 * quantile(usual, 0.5));
    expect(quantile(flood.answersMs, 0.5)).toBeLessThan(50);
    expect(quantile(flood.answersMs, 1)).toBeLessThan(1_000);
    expect(flood.memoryMb - calm.memoryMb).toBeLessThan(growthMb);
    expect(calmAgain.memoryMb - calm.memoryMb).toBeLessThan(growthMb);
    // Every place is free again.
    const strangersAgain = await Crowd.gather();
    expect((await strangersAgain.seen()).connected).toBeGreaterThanOrEqual(crowd.idle + crowd.slow);
    await strangersAgain.disperse();
  },
  60_000 + floodMs + 3 * calmMs,
);
