/**
 * Real network nodes on loopback: each collects its connections and what arrived on them; `closeAll` ends what a test
 * left.
 */
import { createHyperswarmNetwork, type HyperswarmNetworkOptions } from '../../src/actors/network/hyperswarm-network.js';
import type { Connection, Dht, Topic, TopicOptions } from '../../src/actors/ports.js';
import { systemClock } from '../../src/runtime/clock.js';
import { nullLogger } from '../../src/runtime/log.js';
import { systemRandom } from '../../src/runtime/random.js';

export const topicHex = '07'.repeat(32);
export const seedOf = (n: number): Uint8Array => Buffer.alloc(32, n);

export class Member {
  readonly connections: Connection[] = [];
  readonly closed = new Set<Connection>();
  readonly received = new Map<Connection, Buffer>();
  topic: Topic | undefined;
  topicEnd: 'closed' | Error | undefined;

  /** For TopicEvents: listens at once, so nothing is missed. */
  readonly connection = (connection: Connection): void => {
    this.connections.push(connection);
    this.received.set(connection, Buffer.alloc(0));
    connection.listen({
      data: (bytes) => this.received.set(connection, Buffer.concat([this.received.get(connection)!, bytes])),
      closed: () => this.closed.add(connection),
    });
  };

  readonly failed = (error: Error): void => void (this.topicEnd = error);

  readonly topicClosed = (): void => void (this.topicEnd = 'closed');

  get open(): Connection[] {
    return this.connections.filter((connection) => !this.closed.has(connection));
  }

  text(connection: Connection): string {
    return this.received.get(connection)!.toString();
  }
}

const dhts = new Set<Dht>();

export function networkOptions(options: Partial<HyperswarmNetworkOptions>): HyperswarmNetworkOptions {
  return {
    bootstrap: { kind: 'nodes', nodes: [] },
    host: '127.0.0.1',
    clock: systemClock,
    random: systemRandom,
    log: nullLogger,
    ...options,
  };
}

export function openDht(options: Partial<HyperswarmNetworkOptions>): Promise<Dht> {
  return new Promise((resolve, reject) => {
    const dht = createHyperswarmNetwork(networkOptions(options)).open({
      ready: () => resolve(dht),
      failed: (error) => {
        dhts.delete(dht);
        reject(error);
      },
      closed: () => dhts.delete(dht),
    });
    dhts.add(dht);
  });
}

export function joinTopic(dht: Dht, options: Partial<TopicOptions>): Member {
  const member = new Member();
  member.topic = dht.join(
    { topic: topicHex, keySeed: seedOf(1), server: false, client: false, maxConnections: 64, ...options },
    { connection: member.connection, failed: member.failed, closed: member.topicClosed },
  );
  return member;
}

/** Polls, since the condition depends on sockets. */
export async function until(holds: () => boolean, what: string, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function closeAll(): Promise<void> {
  for (const dht of dhts) dht.close();
  await until(() => dhts.size === 0, 'all DHT nodes closed');
}
