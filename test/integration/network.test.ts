/** The real NetworkPort over real DHTs on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import HyperDHT from 'hyperdht';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBootstrapNode, type BootstrapNode } from '../../src/actors/network/bootstrap-node.js';
import { createDhtActor } from '../../src/actors/dht.actor.js';
import { createHyperswarmNetwork } from '../../src/actors/network/hyperswarm-network.js';
import type { Bootstrap } from '../../src/actors/ports.js';
import { createTopicActor } from '../../src/actors/topic.actor.js';
import { systemClock } from '../../src/runtime/clock.js';
import { nullLogger } from '../../src/runtime/log.js';
import { systemRandom } from '../../src/runtime/random.js';
import { startTree, type Tree } from '../../src/runtime/start-tree.js';
import {
  closeAll,
  joinTopic,
  Member,
  networkOptions,
  openDht,
  seedOf,
  topicHex,
  until,
} from '../support/real-network.js';

const started: BootstrapNode[] = [];
const trees: Tree[] = [];

function startBootstrap(port = 0): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    const node = runBootstrapNode(
      { host: '127.0.0.1', port, nodes: 4 },
      {
        ready: ({ bootstrap }) => resolve({ host: '127.0.0.1', port: Number(bootstrap.split(':')[1]) }),
        failed: reject,
        closed: () => {},
      },
    );
    started.push(node);
  });
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

/** What a program has of the network: the two actors under a supervisor. */
function startNode(bootstrap: Bootstrap, role: 'server' | 'client', seed: number): Member & { tree: Tree } {
  const member = new Member();
  const network = createHyperswarmNetwork(networkOptions({ bootstrap }));
  const common = { random: systemRandom, log: nullLogger };
  const tree = startTree(
    {
      id: 'root',
      strategy: 'rest-for-one',
      children: [
        {
          id: 'dht',
          logic: createDhtActor({ network, topics: ['topic.inference'], log: nullLogger }),
          shutdownMs: 4_000,
        },
        {
          id: 'topic.inference',
          shutdownMs: 4_000,
          logic: createTopicActor({
            ...common,
            network: 'inference',
            topic: topicHex,
            keySeed: seedOf(seed),
            server: role === 'server',
            client: role === 'client',
            maxConnections: 64,
            onConnection: member.connection,
          }),
        },
      ],
    },
    { clock: systemClock, random: systemRandom },
  );
  trees.push(tree);
  return Object.assign(member, { tree });
}

const stop = (tree: Tree): Promise<void> => new Promise((resolve) => tree.stop(resolve));

let bootstrap: Bootstrap & { kind: 'nodes' };

beforeEach(async () => {
  bootstrap = { kind: 'nodes', nodes: [await startBootstrap()] };
});

afterEach(async () => {
  await Promise.all(trees.splice(0).map(stop));
  await closeAll();
  for (const node of started.splice(0)) node.close();
});

describe('connections', () => {
  it('of 15 clients none is half open, and all say who they are', async () => {
    const worker = joinTopic(await openDht({ bootstrap }), { server: true });
    const clients = await Promise.all(
      Array.from({ length: 15 }, async (_, place) =>
        joinTopic(await openDht({ bootstrap }), { client: true, keySeed: seedOf(10 + place) }),
      ),
    );
    const watchdog = setInterval(() => clients.forEach(({ topic }) => topic?.refresh()), 500);
    await until(() => clients.every(({ open }) => open.length === 1), 'every client connected');
    clearInterval(watchdog);
    clients.forEach(({ open }, place) => open[0]!.write(Buffer.from(`hello ${place}`)));
    await until(() => [...worker.received.values()].filter((bytes) => bytes.length >= 7).length === 15, 'all heard');
    worker.open.forEach((connection) => connection.write(Buffer.from(worker.text(connection).toUpperCase())));
    await until(() => clients.every((client, i) => client.text(client.open[0]!) === `HELLO ${i}`), 'all answered');
    const ofWorker = clients[0]!.open[0]!;
    expect([ofWorker.initiator, ofWorker.remoteAddress]).toEqual([true, '127.0.0.1']);
    expect(new Set(clients.map(({ open }) => open[0]!.remoteKey)).size).toBe(1);
    expect(worker.open.every(({ initiator, remoteAddress }) => !initiator && remoteAddress === '127.0.0.1')).toBe(true);
    expect(new Set(worker.open.map(({ remoteKey }) => remoteKey)).size).toBe(15);
  });

  it('carry a write of 20 MiB, count what is unsent, and flush it before they end', async () => {
    const worker = joinTopic(await openDht({ bootstrap }), { server: true });
    const client = joinTopic(await openDht({ bootstrap }), { client: true, keySeed: seedOf(2) });
    const watchdog = setInterval(() => client.topic?.refresh(), 500);
    await until(() => worker.open.length === 1 && client.open.length === 1, 'connected');
    clearInterval(watchdog);
    const connection = client.open[0]!;
    const bytes = Buffer.alloc(20 * 2 ** 20, 'abcdefghijk');
    connection.write(new Uint8Array(0));
    connection.write(bytes);
    expect(connection.unsentBytes).toBeGreaterThanOrEqual(bytes.length);
    connection.end();
    connection.write(Buffer.from('too late'));
    await until(() => worker.closed.size === 1 && client.closed.size === 1, 'closed on both sides');
    expect(worker.received.get(worker.connections[0]!)!.equals(bytes)).toBe(true);
  });

  it('are refused beyond the cap, whoever else is connected stays', async () => {
    const worker = joinTopic(await openDht({ bootstrap }), { server: true, maxConnections: 2 });
    const clients = await Promise.all(
      [2, 3, 4, 5].map(async (seed) =>
        joinTopic(await openDht({ bootstrap }), { client: true, keySeed: seedOf(seed) }),
      ),
    );
    const watchdog = setInterval(() => clients.forEach(({ topic }) => topic?.refresh()), 300);
    await until(() => worker.open.length === 2, 'two connected');
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // the other two keep trying
    expect(worker.connections).toHaveLength(2);
    expect(clients.flatMap(({ open }) => open)).toHaveLength(2);
    worker.open[0]!.destroy();
    await until(() => worker.connections.length === 3, 'its place taken');
    clearInterval(watchdog);
    expect(worker.open).toHaveLength(2);
  });
});

describe('one DHT node', () => {
  it('bears three topics, and stays when one of them closes; the same key can join again at once', async () => {
    const dht = await openDht({ bootstrap });
    const topics = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32));
    const servers = topics.map((topic, i) => joinTopic(dht, { topic, keySeed: seedOf(20 + i), server: true }));
    const other = await openDht({ bootstrap });
    const clients = topics.map((topic, i) => joinTopic(other, { topic, keySeed: seedOf(30 + i), client: true }));
    const watchdog = setInterval(() => clients.forEach(({ topic }) => topic?.refresh()), 300);
    await until(() => clients.every(({ open }) => open.length === 1), 'all three connected');
    servers[0]!.topic!.close();
    const again = joinTopic(dht, { topic: topics[0]!, keySeed: seedOf(20), server: true });
    await until(() => servers[0]!.topicEnd !== undefined, 'the first one closed');
    expect(servers[0]!.topicEnd).toBe('closed');
    await until(() => again.open.length === 1, 'its client back on the same key');
    clearInterval(watchdog);
    expect(again.topicEnd).toBeUndefined();
    expect(clients.slice(1).every(({ closed }) => closed.size === 0)).toBe(true);
  });

  it('joins through a replaced list of public nodes, as it would join the world', async () => {
    const options = { bootstrap: { kind: 'public' }, publicNodes: bootstrap.nodes } as const;
    const worker = joinTopic(await openDht(options), { server: true });
    const client = joinTopic(await openDht(options), { client: true, keySeed: seedOf(2) });
    const watchdog = setInterval(() => client.topic?.refresh(), 300);
    await until(() => worker.open.length === 1, 'connected');
    clearInterval(watchdog);
  });

  it('says what is wrong with an address that this machine does not have', async () => {
    await expect(openDht({ host: '203.0.113.7' })).rejects.toThrow(
      /^cannot bind 203\.0\.113\.7 \(.+\); set QMESH_HOST to an IPv4 address of this machine$/,
    );
  });
});

describe('programs on the network', () => {
  it('meet when the client came first', async () => {
    const client = startNode(bootstrap, 'client', 2);
    await new Promise((resolve) => setTimeout(resolve, 500)); // its first look-ups find nobody
    const worker = startNode(bootstrap, 'server', 1);
    await until(() => client.open.length === 1 && worker.open.length === 1, 'connected');
  });

  it('meet again when the worker was restarted on its key', async () => {
    const worker = startNode(bootstrap, 'server', 1);
    const client = startNode(bootstrap, 'client', 2);
    await until(() => client.open.length === 1, 'connected');
    await stop(worker.tree);
    await until(() => client.open.length === 0, 'the client noticed');
    const again = startNode(bootstrap, 'server', 1);
    await until(() => again.open.length === 1 && client.open.length === 1, 'connected again');
    expect(client.open[0]!.remoteKey).toBe(client.connections[0]!.remoteKey);
  });

  it('meet when the DHT came last', async () => {
    const port = await freePort();
    const late: Bootstrap = { kind: 'nodes', nodes: [{ host: '127.0.0.1', port }] };
    const worker = startNode(late, 'server', 1);
    const client = startNode(late, 'client', 2);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(client.connections).toEqual([]);
    await startBootstrap(port);
    await until(() => client.open.length === 1 && worker.open.length === 1, 'connected', 30_000);
  });

  it('come back within 5 s when the actor of the DHT or of the topic crashed', async () => {
    const worker = startNode(bootstrap, 'server', 1);
    const client = startNode(bootstrap, 'client', 2);
    await until(() => client.open.length === 1, 'connected');
    for (const name of ['topic.inference', 'dht']) {
      const connected = worker.connections.length;
      worker.tree.system.get(name)!.send({ type: 'topic.failed', error: new Error('as in a test') });
      worker.tree.system.get(name)!.send({ type: 'dht.failed', error: new Error('as in a test') });
      await until(() => worker.connections.length > connected && client.open.length === 1, `${name} came back`, 5_000);
    }
  });
});

it('a node says so where none of those that it starts from answers', async () => {
  const warnings: object[] = [];
  const log = { ...nullLogger, warn: (event: string, fields?: object) => void warnings.push({ event, ...fields }) };
  await openDht({ bootstrap: { kind: 'nodes', nodes: [{ host: 'nobody.invalid', port: 50_000 }] }, log });
  await until(() => warnings.length > 0, 'warned');
  const note = expect.stringContaining('qmesh doctor') as string;
  expect(warnings).toEqual([{ event: 'dht.alone', bootstrap: 'nobody.invalid:50000', note }]);
});

describe('a bootstrap node', () => {
  it('says what to do when its port is taken', async () => {
    await expect(startBootstrap(bootstrap.nodes[0]!.port)).rejects.toThrow(
      /^port \d+ on 127\.0\.0\.1 is in use by another program; free it, or choose another with --port$/,
    );
  });

  it('is four, found from the first: as many as a node has to ask to learn how its router translates addresses', async () => {
    const dht = new HyperDHT({ bootstrap: bootstrap.nodes, host: '127.0.0.1', port: [0, 0], ephemeral: true });
    await dht.fullyBootstrapped();
    const known = dht.toArray();
    await dht.destroy();
    expect(known).toHaveLength(4);
    expect(known).toContainEqual(bootstrap.nodes[0]);
  });
});
