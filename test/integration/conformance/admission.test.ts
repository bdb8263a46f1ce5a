/**
 * A stranger's client that asks too often, breaks the rules, or is asked for work; and whom an owner serves at all. How busy the
 * machine is, and who has which tier, is said by the ports of a worker in this process. About 30 s.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunningWorker } from '../../../src/actors/worker/start-worker.js';
import { evictionRules } from '../../../src/rules/eviction.js';
import type { Tier } from '../../../src/rules/tiers.js';
import { ModelFolder } from '../../support/engine-harness.js';
import { startWorkerHere } from '../../support/worker-in-process.js';
import { startTestnet, WorkerProcess, type Testnet } from '../../support/worker-process.js';
import { Account, Mesh, frameOfBytes, patiently, solve, type WireClient, type Work } from './wire-client.js';

const models = new ModelFolder();
let testnet: Testnet;
let full: WorkerProcess | undefined;
let taken: Awaited<ReturnType<typeof takePlaces>> | undefined;

beforeAll(async () => {
  testnet = await startTestnet();
  full = await WorkerProcess.start(testnet, { QMESH_CONNECTIONS: `${places}` });
  taken = await takePlaces(full);
});
afterAll(async () => {
  await taken?.mesh.destroy();
  await full?.stop();
  await testnet.destroy();
  models.remove();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** For connections, of the worker that is full. */
const places = 6;
let asked = 0;
const count = (tokens = 3) => ({
  id: `r${++asked}`,
  prompt: 'count from 5',
  options: { maxTokens: tokens, temperature: 0 },
});
const answered = { type: 'inference_result', text: '6 7 8' };

/** One stranger takes every place, and then waits for nothing while the others are tried. */
async function takePlaces(worker: WorkerProcess) {
  const { workerId } = await worker.ready();
  const mesh = new Mesh(testnet.nodes);
  const strangers: WireClient[] = [];
  for (let i = 0; i < places; i++) strangers.push(await mesh.dial(workerId));
  return { worker, workerId, mesh, strangers, sinceMs: performance.now() };
}

const askPatiently = (client: WireClient) => patiently(() => client.askAsGuest(count()));

describe('a worker', () => {
  const tiers = new Map<string, Tier>();
  let machine = { cpu: 10, memory: 20, load: 10, busyShare: 0.1 };
  let worker: RunningWorker;
  let workerId: string;
  let mesh: Mesh;

  beforeAll(async () => {
    worker = startWorkerHere({
      testnet,
      modelPath: await models.model('demo'),
      ports: { standing: (account) => tiers.get(account) ?? 'guest', sampleHealth: () => machine },
    });
    workerId = worker.deps.identity.publicKeyHex;
    await new Promise<void>((ready) => worker.deps.board.onReady(ready));
    mesh = new Mesh(testnet.nodes);
  });
  afterEach(() => mesh.closeClients());
  afterAll(async () => {
    await mesh.destroy();
    await new Promise<void>((stopped) => worker.tree.stop(stopped));
  });

  const dial = (account?: Account) => mesh.dial(workerId, account);
  const dialAs = (tier: Tier) => {
    const account = new Account();
    tiers.set(account.node, tier);
    return dial(account);
  };

  it('refuses guests that ask too often, all of one address together, and lets them in when they waited as told', async () => {
    const clients = await Promise.all([dial(), dial()]);
    const prompts = Array.from({ length: 12 }, () => count());
    const ends = await Promise.all(
      prompts.map(async (prompt, i) => (await (clients[i % 2] as WireClient).ask(prompt)).end),
    );
    expect(ends.filter(({ type }) => type === 'inference_result')).toHaveLength(2);
    const refused = ends.filter(({ code }) => code === 'rate_limited');
    expect(refused).toHaveLength(10);
    for (const end of refused) {
      expect(end).toMatchObject({ type: 'inference_error', retryable: false });
      expect(end.retryAfterMs).toBeGreaterThan(0);
      expect(end.retryAfterMs).toBeLessThanOrEqual(2_000);
    }
    await pause(refused[0]?.retryAfterMs as number);
    expect((await clients[1].ask(count())).end).toMatchObject(answered);
  });

  it('counts those with a tier each for itself', async () => {
    const [bronze, silver] = await Promise.all([dialAs('bronze'), dialAs('silver')]);
    for (let i = 0; i < 10; i++) expect((await bronze.ask(count())).end).toMatchObject(answered);
    const { end } = await bronze.ask(count());
    if (end.type === 'inference_error') expect(end).toMatchObject({ code: 'rate_limited' }); // unless ten took a second
    expect((await silver.ask(count())).end).toMatchObject(answered);
  });

  it('refuses a ninth unfinished request of one client as rate_limited, and answers the eight', async () => {
    const client = await dialAs('bronze');
    const eight = Array.from({ length: 8 }, () => ({ ...count(1_500), stream: false }));
    for (const prompt of eight) client.prompt(prompt);
    const { end } = await client.ask(count());
    expect(end).toMatchObject({ type: 'inference_error', code: 'rate_limited', retryable: false });
    expect(end.retryAfterMs).toBeGreaterThan(0);
    for (const { id } of eight) client.cancel(id);
    for (const { id } of eight) expect((await client.answer(id)).end.type).toBe('inference_result');
  });

  describe('that is busy with something else', () => {
    const ask = (client: WireClient, more: { id: string; work?: object }) =>
      patiently(() => client.ask({ ...count(), ...more }));

    beforeAll(async () => {
      machine = { cpu: 100, memory: 20, load: 100, busyShare: 1 };
      const watcher = await dial();
      await watcher.frame(({ type, health }) => type === 'status' && health.state === 'moderate', 20_000);
    });

    it('asks guests for work, and serves them once it is done', async () => {
      const client = await dial();
      const refusal = await ask(client, { id: 'worked' });
      expect(refusal).toMatchObject({ type: 'inference_error', code: 'work_required', retryable: false });
      expect(refusal.work).toEqual({ challenge: expect.stringMatching(/^[0-9a-f]{32}$/), bits: expect.any(Number) });
      const work = solve(client.account, 'worked', refusal.work as Work);
      expect(await ask(client, { id: 'worked', work })).toMatchObject(answered);
    });

    it('takes a proof once, from whom it was made by, for the request it was made for; and no invention', async () => {
      const [client, thief] = await Promise.all([dial(), dial()]);
      const { work: task } = await ask(client, { id: 'mine' });
      const work = solve(client.account, 'mine', task as Work);
      const required = { code: 'work_required', work: { challenge: expect.any(String) } };
      expect(await ask(thief, { id: 'mine', work })).toMatchObject(required);
      expect(await ask(client, { id: 'another', work })).toMatchObject(required);
      const invented = { challenge: '00'.repeat(16), bits: 0 };
      expect(await ask(client, { id: 'x', work: solve(client.account, 'x', invented) })).toMatchObject(required);
      expect(await ask(client, { id: 'mine', work })).toMatchObject(answered);
      expect(await ask(client, { id: 'again', work })).toMatchObject(required);
    });

    it('asks nobody for work who has a tier', async () => {
      expect((await (await dialAs('bronze')).ask(count())).end).toMatchObject(answered);
    });
  });
});

describe('a client that breaks the rules', () => {
  const villain = new Account();
  let worker: WorkerProcess;
  let workerId: string;
  let mesh: Mesh;

  /** A node that knew the old process still tries its address. */
  const ready = async (): Promise<void> => {
    ({ workerId } = await worker.ready());
    mesh = new Mesh(testnet.nodes);
  };
  beforeAll(async () => {
    worker = await WorkerProcess.start(testnet);
    await ready();
  });
  afterAll(async () => {
    await mesh.destroy();
    await worker.stop();
  });

  const breakFrame = async (): Promise<void> => {
    const client = await mesh.dial(workerId, villain);
    client.sendBytes(frameOfBytes(Buffer.from('nonsense')));
    await client.closed;
  };

  it(
    'is banned after ten frames that are none, and told for how long; nobody else is',
    { timeout: 90_000 },
    async () => {
      for (let i = 0; i < 9; i++) await breakFrame();
      expect(await askPatiently(await mesh.dial(workerId, villain))).toMatchObject(answered); // nine are not ten
      await breakFrame();
      const { end } = await (await mesh.dial(workerId, villain)).ask(count());
      expect(end).toMatchObject({ type: 'inference_error', code: 'banned', retryable: false });
      expect(end.retryAfterMs).toBeGreaterThan(9 * 60_000);
      expect(end.retryAfterMs).toBeLessThanOrEqual(10 * 60_000);
      expect(await askPatiently(await mesh.dial(workerId))).toMatchObject(answered);
    },
  );

  it('is still banned when the worker has been stopped and started again', { timeout: 90_000 }, async () => {
    await mesh.destroy();
    worker = await worker.restart();
    await ready();
    const { end } = await (await mesh.dial(workerId, villain)).ask(count());
    expect(end).toMatchObject({ code: 'banned' });
    expect(end.retryAfterMs).toBeGreaterThan(7 * 60_000);
    expect(await askPatiently(await mesh.dial(workerId))).toMatchObject(answered);
  });

  it(
    'or is not among those whom the owner serves, hears so; the owner himself is served',
    { timeout: 90_000 },
    async () => {
      const [friend, foe] = [new Account(), new Account()];
      await mesh.destroy();
      worker = await worker.restart({ QMESH_ALLOW: `${friend.node},${foe.node}`, QMESH_DENY: foe.node });
      await ready();
      const ask = async (account?: Account) => askPatiently(await mesh.dial(workerId, account));
      expect(await ask(friend)).toMatchObject(answered);
      expect(await ask(new Account(worker.ownerSeed))).toMatchObject(answered);
      const refused = { type: 'inference_error', code: 'banned', retryable: false };
      expect(await ask(foe)).toMatchObject({ ...refused, message: expect.stringContaining('does not serve') });
      const stranger = await ask(new Account());
      expect(stranger).toMatchObject({ ...refused, message: expect.stringContaining('named') });
      expect(stranger).not.toHaveProperty('retryAfterMs');
    },
  );
});

describe('a stranger who takes every place for connections', () => {
  it('keeps nobody out: one of his that waits for nothing is closed', { timeout: 90_000 }, async () => {
    const { worker, workerId, mesh, strangers, sinceMs } = taken!;
    await pause(sinceMs + evictionRules.minIdleMs - performance.now());
    const owner = await mesh.dial(workerId, new Account(worker.ownerSeed));
    const { end } = await owner.ask(count());
    expect(end).toMatchObject(answered);
    expect(strangers.filter(({ isClosed }) => isClosed)).toHaveLength(1);
  });
});
