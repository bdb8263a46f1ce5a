/**
 * Four workers that name each other as validators, and two clients: one owns the fourth worker, and pays with what that has earned; the
 * other is a stranger. Real processes on a DHT of their own. In the end all four tell the same balances, to the byte.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadIdentity } from '../../src/actors/home/identity.js';
import { openHome } from '../../src/actors/home/home.js';
import { nullLogger } from '../../src/runtime/log.js';
import { systemRandom } from '../../src/runtime/random.js';
import { QMeshClient } from '../support/built-client.js';
import { CommandLine, freePort, type Command } from '../support/command.js';
import { isSoak } from '../support/soak.js';

/** Workers let a stranger ask some 15 times a minute. */
const requests = isSoak ? 200 : 16;
const timeout = 600_000;

const cli = new CommandLine();
let bootstrap: string;
let homes: string[];
let ids: string[];
let workers: Command[];
const clients: QMeshClient[] = [];

const envOf = (home: string): Record<string, string> => ({
  QMESH_HOME: home,
  QMESH_BOOTSTRAP: bootstrap,
  QMESH_VALIDATORS: ids.join(','),
  QMESH_THRESHOLD: '3',
  QMESH_ADMIN: 'off',
  QMESH_THREADS: '1',
  QMESH_SHARE_MODELS: '0',
  QMESH_SLOTS: '1',
});

beforeAll(async () => {
  bootstrap = `local:${await freePort()}`;
  homes = await Promise.all([1, 2, 3, 4].map(() => cli.folder()));
  ids = homes.map((home) => loadIdentity(openHome(home), systemRandom, nullLogger).keyPair.publicKeyHex);
  workers = homes.map((home) => cli.start(['worker'], envOf(home)));
  await Promise.all(workers.map((worker) => worker.says('worker.ready')));
}, 120_000);
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cli.close();
});

/** All that this worker knows of points, after it has counted again. */
async function audit(home: string): Promise<string> {
  const { code, stdout, stderr } = await cli.run(['score', 'audit', '--json'], envOf(home));
  expect(code, stderr).toBe(0);
  return stdout;
}

it('what is asked of any of them counts on all of them, once', { timeout }, async () => {
  const stranger = await join(await cli.folder());
  // The fourth earns first, from strangers.
  for (let i = 0; i < 2; i++) await ask(stranger, i, ids[3]!);
  await expect.poll(() => balanceOf(ids[3]!), { timeout: 20_000, interval: 500 }).toBeGreaterThan(10_000);
  const owner = await join(homes[3]!);

  let [receipts, paid] = [2, 0];
  for (let i = 0; i < requests - 2; i++) {
    const answer = await ask(owner, i, ids[i % 3]!);
    if (answer.receipt !== undefined) receipts++;
    paid += answer.paidMillipoints ?? 0;
  }
  expect(paid, 'what it earned is spent').toBeGreaterThan(5_000);
  const agree = async (): Promise<readonly [number, number]> => {
    const told = await Promise.all(homes.map(audit));
    return [new Set(told).size, (JSON.parse(told[0]!) as { receipts: number }).receipts];
  };
  await expect.poll(agree, { timeout: 30_000, interval: 500 }).toEqual([1, receipts]);
  expect(receipts).toBe(requests);
});

it('who earned by working is answered before a guest who came earlier', { timeout }, async () => {
  const [stranger] = clients as [QMeshClient];
  const before = await balanceOf(ids[3]!);
  await ask(stranger, 1, ids[3]!);
  await expect.poll(() => balanceOf(ids[3]!), { timeout: 20_000, interval: 500 }).toBeGreaterThan(before);
  const [earner, host] = [await join(homes[3]!), await join(homes[0]!)];

  // The host takes his worker's slot, and the place beyond it that is his.
  const stop = new AbortController();
  const long = { prompt: 'count from 1', options: { maxTokens: 7_000, temperature: 0 }, pin: ids[0]! };
  const own = [1, 2].map(() => host.stream(long, { signal: stop.signal }));
  await Promise.all(own.map((stream) => stream[Symbol.asyncIterator]().next()));
  const ends: string[] = [];
  /** Asks; @returns the end, once it is in line. */
  const stand = async (client: QMeshClient, name: string): Promise<() => Promise<unknown>> => {
    let isWaiting = (): void => {};
    const waits = new Promise<void>((resolve) => (isWaiting = resolve));
    const request = { prompt: 'count from 7', options: { maxTokens: 5 }, pin: ids[0]! };
    const answer = client.generate(request, { onPosition: ({ position }) => position > 0 && isWaiting() });
    const end = answer.then(({ paidMillipoints = 0 }) => ends.push(`${name} paid ${paidMillipoints > 0}`));
    await Promise.race([waits, end]);
    return () => end;
  };
  const guest = await stand(stranger, 'guest');
  const worker = await stand(earner, 'earner');
  stop.abort();
  await Promise.all([guest(), worker()]);
  expect(ends).toEqual(['earner paid true', 'guest paid false']);
});

async function ask(client: QMeshClient, i: number, worker: string) {
  return client.generate({ prompt: `count from ${i}`, options: { maxTokens: 5 }, pin: worker });
}

async function join(home: string): Promise<QMeshClient> {
  const client = await QMeshClient.connect({ bootstrap, home });
  clients.push(client);
  return client;
}

async function balanceOf(account: string): Promise<number> {
  const { accounts } = JSON.parse(await audit(homes[0]!)) as { accounts: { account: string; balance: number }[] };
  return accounts.find((each) => each.account === account)?.balance ?? 0;
}
