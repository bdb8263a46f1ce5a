/**
 * A hundred streams at once on a worker with four slots. Each text is its own, all of them end, each is told where it stands and stands
 * there, and neither the worker nor its engine keeps anything of them. Three rounds here, thirty in the soak. About 15 s.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectedKeyed, keyedKeys, keyedSteps } from '../../src/gguf/keyed-model.js';
import { seededRandom } from '../../src/runtime/random.js';
import { Account, Mesh, isEnd, type Message, type WireClient } from '../integration/conformance/wire-client.js';
import { ModelFolder } from '../support/engine-harness.js';
import { isSoak } from '../support/soak.js';
import { memoryMb, startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

const streams = 100;
const rounds = isSoak ? 30 : 3;
const roundMs = 60_000;
/** Heaps breathe; a hundred answers that were kept would weigh as much in a few rounds. */
const growthMb = 40;

const models = new ModelFolder();
let testnet: Testnet;
let worker: WorkerProcess;
let mesh: Mesh;
let owner: WireClient;

beforeAll(async () => {
  testnet = await startTestnet();
  worker = await WorkerProcess.start(testnet, {
    QMESH_MODEL: await models.model('keyed'),
    QMESH_SLOTS: '4',
    QMESH_CONTEXT: '1024',
  });
  const { workerId } = await worker.ready();
  mesh = new Mesh(testnet.nodes);
  owner = await mesh.dial(workerId, new Account(worker.ownerSeed)); // whom no rate limits
});
afterAll(async () => {
  await mesh.destroy();
  await worker.stop();
  await testnet.destroy();
  models.remove();
});

interface Asked {
  readonly id: string;
  readonly prompt: string;
  readonly options: { readonly maxTokens: number; readonly temperature: number };
  readonly expected: string;
}

const random = seededRandom(100);
const below = (limit: number): number => Math.floor(random.next() * limit);

function anyRequest(id: string): Asked {
  const [key, maxTokens] = [below(keyedKeys), 1 + below(keyedSteps)];
  const prompt = `${'y'.repeat(below(100))}KEY${key};${'x'.repeat(below(200))}`;
  return { id, prompt, options: { maxTokens, temperature: 0 }, expected: expectedKeyed(key, maxTokens) };
}

async function askAll(round: number): Promise<{ asked: Asked[]; frames: Message[] }> {
  const from = owner.received.length;
  const asked = Array.from({ length: streams }, (_, n) => anyRequest(`s${round}-${n}`));
  for (const { expected: _, ...fields } of asked) owner.prompt(fields);
  await Promise.all(asked.map(({ id }) => owner.frame((m) => m.id === id && isEnd(m), roundMs, from)));
  return { asked, frames: owner.received.slice(from).map(({ message }) => message) };
}

/**
 * All of them are the owner's, so they stand in the order in which they came. What one hears first is where it stands; what
 * it hears later never says less than that, and falls.
 */
function checkPositions(asked: readonly Asked[], frames: readonly Message[]): void {
  const placeOf = new Map(asked.map(({ id }, place) => [id, place]));
  const told = new Map<string, number>();
  const started: string[] = [];
  const stands = (place: number): number => asked.slice(0, place + 1).filter(({ id }) => told.get(id) !== 0).length;
  for (const { type, id, position } of frames) {
    const place = placeOf.get(id as string);
    if (type !== 'queue_status' || place === undefined) continue;
    const before = told.get(id as string);
    if (position === 0 && before !== 0) started.push(id as string);
    if (position > 0 && before === undefined) expect([id, position]).toEqual([id, stands(place)]);
    if (position > 0) expect(position).toBeGreaterThanOrEqual(stands(place));
    if (before !== undefined) expect(position).toBeLessThanOrEqual(before);
    told.set(id as string, position);
  }
  expect(started).toEqual(asked.map(({ id }) => id));
}

it(
  'a hundred at once: each gets its own text, stands where it is told, and leaves nothing behind',
  async () => {
    let warmMb = { worker: 0, engine: 0 };
    const nowMb = () => ({ worker: memoryMb(worker.pid), engine: memoryMb(worker.engines()[0] ?? 0) });
    for (let round = 0; round < rounds; round++) {
      const { asked, frames } = await askAll(round);
      for (const { id, expected } of asked) {
        const own = frames.filter((message) => message.id === id);
        const tokens = own.filter(({ type }) => type === 'inference_token');
        expect(tokens.map(({ index }) => index)).toEqual(tokens.map((_, index) => index));
        expect([id, tokens.map(({ text }) => text as string).join('')]).toEqual([id, expected]);
        expect(own.filter(isEnd)).toMatchObject([{ type: 'inference_result', text: expected }]);
      }
      checkPositions(asked, frames);
      if (round === 1) warmMb = nowMb(); // stored results of a minute, and the heap's own size, are in it
    }
    const atEndMb = nowMb();
    if (rounds > 3) console.log({ streams: rounds * streams, warmMb, atEndMb });
    expect(warmMb.engine).toBeGreaterThan(10);
    expect(atEndMb.worker - warmMb.worker).toBeLessThan(growthMb);
    expect(atEndMb.engine - warmMb.engine).toBeLessThan(growthMb);
  },
  rounds * roundMs,
);
