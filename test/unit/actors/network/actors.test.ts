/** The statecharts of the DHT node and of a topic, on a virtual clock, with an outside world that the test plays. */
import { createActor, type AnyActorRef } from 'xstate';
import { describe, expect, it } from 'vitest';
import { createDhtActor, type DhtInfo } from '../../../../src/actors/dht.actor.js';
import type {
  Connection,
  ConnectionEvents,
  DhtEvents,
  NetworkPort,
  TopicEvents,
} from '../../../../src/actors/ports.js';
import { createTopicActor } from '../../../../src/actors/topic.actor.js';
import {
  deadAfterSleepMs,
  maxKnownPeers,
  rejoining,
  watchdogRefreshMs,
} from '../../../../src/machines/topic.machine.js';
import { maxOpenTries } from '../../../../src/machines/dht.machine.js';
import { backoffMs } from '../../../../src/rules/backoff.js';
import { reapOrphans } from '../../../../src/runtime/actor-system.js';
import { nullLogger } from '../../../../src/runtime/log.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';

const info: DhtInfo = { bootstrap: '127.0.0.1:49737', holdsLocal: true };
const noJitter = { next: () => 0, bytes: (length: number) => new Uint8Array(length) };

function start(logic: ReturnType<typeof createTopicActor>) {
  const clock = new VirtualClock();
  const actor = createActor(logic, { clock });
  reapOrphans(actor.system); // as every supervisor does
  let failure: unknown;
  actor.subscribe({ error: (error) => (failure = error) });
  actor.start();
  const snapshot = () => actor.getSnapshot() as { status: string; value: unknown; context: { connections: number } };
  return { clock, actor: actor as AnyActorRef, snapshot, state: () => snapshot().value, failure: () => failure };
}

function startDht() {
  const opened: { on: DhtEvents; closes: number }[] = [];
  const network: NetworkPort = {
    open(on) {
      const node = { on, closes: 0 };
      opened.push(node);
      return { join: () => ({ refresh() {}, dial() {}, close() {} }), close: () => (node.closes += 1) };
    },
  };
  const said: string[] = [];
  const options = { network, topics: [], log: nullLogger };
  const logic = createDhtActor({
    ...options,
    ready: ({ bootstrap }) => void said.push(`ready ${bootstrap}`),
    failed: ({ message }) => void said.push(`failed ${message}`),
  });
  return { ...start(logic), opened, said, node: () => opened.at(-1)! };
}

describe('the DHT node', () => {
  it('opens, serves, and closes when asked', () => {
    const dht = startDht();
    expect(dht.state()).toEqual({ up: 'opening' });
    dht.node().on.ready(info);
    expect(dht.state()).toEqual({ up: 'online' });
    dht.actor.send({ type: 'sys.shutdown' });
    expect(dht.state()).toEqual({ up: 'closing' });
    expect(dht.node().closes).toBe(1);
    dht.node().on.closed();
    expect(dht.snapshot().status).toBe('done');
    expect(dht.said).toEqual(['ready 127.0.0.1:49737']);
    expect(dht.clock.pending).toBe(0);
  });

  it(`is tried ${maxOpenTries} times, then fails with the last reason`, () => {
    const dht = startDht();
    for (let tries = 1; tries < maxOpenTries; tries++) {
      dht.node().on.failed(new Error(`reason ${tries}`));
      expect(dht.state()).toBe('backingOff');
      dht.clock.advance(500 * 2 ** (tries - 1));
      expect(dht.state()).toEqual({ up: 'opening' });
    }
    dht.node().on.failed(new Error('the last reason'));
    expect(dht.failure()).toMatchObject({ message: 'the last reason' });
    expect(dht.opened).toHaveLength(maxOpenTries);
    expect(dht.said).toEqual(['failed reason 1', 'failed reason 2', 'failed the last reason']);
  });

  it('that does not open in time is closed, and tried again', () => {
    const dht = startDht();
    dht.clock.advance(8_000);
    expect(dht.state()).toBe('backingOff');
    expect(dht.opened[0]!.closes).toBe(1);
    dht.clock.advance(500);
    dht.opened[0]!.on.ready(info); // of a node that was given up
    expect(dht.state()).toEqual({ up: 'opening' });
    dht.node().on.ready(info);
    expect(dht.state()).toEqual({ up: 'online' });
  });

  it('fails when it was online and failed, or closed by itself', () => {
    for (const end of [(on: DhtEvents) => on.failed(new Error('gone')), (on: DhtEvents) => on.closed()]) {
      const dht = startDht();
      dht.node().on.ready(info);
      end(dht.node().on);
      expect(dht.failure()).toBeInstanceOf(Error);
      expect(dht.node().closes).toBe(1);
    }
  });

  it('closes in every state, and at the latest after four seconds', () => {
    const backingOff = startDht();
    backingOff.node().on.failed(new Error('x'));
    backingOff.actor.send({ type: 'sys.shutdown' });
    expect(backingOff.snapshot().status).toBe('done');
    const opening = startDht();
    opening.actor.send({ type: 'sys.shutdown' });
    expect(opening.state()).toEqual({ up: 'closing' });
    opening.clock.advance(4_000);
    expect(opening.snapshot().status).toBe('done');
  });
});

class FakeConnection implements Connection {
  readonly initiator = true;
  readonly remoteAddress = undefined;
  readonly unsentBytes = 0;
  on: ConnectionEvents | undefined;
  constructor(readonly remoteKey: string) {}
  write(): void {}
  end(): void {}
  destroy(): void {
    this.on?.closed();
  }
  listen(on: ConnectionEvents): void {
    this.on = on;
  }
}

function startTopic(role: 'client' | 'server', owner: 'listens' | 'refuses' = 'listens') {
  const joined: { on: TopicEvents; refreshes: number[]; dialled: string[]; closes: number }[] = [];
  const dht = {
    join(_: unknown, on: TopicEvents) {
      const swarm = { on, refreshes: [] as number[], dialled: [] as string[], closes: 0 };
      joined.push(swarm);
      return {
        refresh: () => void swarm.refreshes.push(running.clock.now()),
        dial: (key: string) => void swarm.dialled.push(key),
        close: () => (swarm.closes += 1),
      };
    },
    close() {},
  };
  const logic = createTopicActor({
    network: 'inference',
    topic: '',
    keySeed: new Uint8Array(32),
    server: role === 'server',
    client: role === 'client',
    maxConnections: 4,
    random: noJitter,
    log: nullLogger,
    onConnection: (connection) =>
      owner === 'listens' ? connection.listen({ data() {}, closed() {} }) : connection.destroy(),
  });
  const running = start(logic);
  const here = (): void => running.actor.send({ type: 'dht.here', dht });
  const connect = (key: string): FakeConnection => {
    const connection = new FakeConnection(key);
    joined.at(-1)!.on.connection(connection);
    return connection;
  };
  return { ...running, joined, swarm: () => joined.at(-1)!, here, connect };
}

describe('a topic', () => {
  it('waits for the DHT, looks quickly at first and slowly later, as long as nobody is connected', () => {
    const topic = startTopic('client');
    topic.clock.advance(10_000);
    expect(topic.state()).toBe('joining');
    topic.here();
    expect(topic.state()).toEqual({ joined: 'discovering' });
    topic.clock.advance(60_000);
    const gaps = topic.swarm().refreshes.map((at, i, all) => at - (all[i - 1] ?? 10_000));
    expect(gaps).toEqual([250, 500, 1_000, 2_000, ...Array<number>(28).fill(watchdogRefreshMs.asking)]);
  });

  it('that is only found announces again too, and more patiently', () => {
    const topic = startTopic('server');
    topic.here();
    topic.clock.advance(60_000);
    expect(topic.swarm().refreshes).toEqual([2_000, 6_000, 14_000, 29_000, 44_000, 59_000]);
  });

  it('counts its connections, and looks quickly again when the last one is gone', () => {
    const topic = startTopic('client');
    topic.here();
    const [a, b] = [topic.connect('a'), topic.connect('b')];
    expect(topic.state()).toEqual({ joined: 'connected' });
    expect(topic.snapshot().context.connections).toBe(2);
    topic.clock.advance(900);
    expect(topic.swarm().refreshes).toEqual([]);
    a.on!.closed();
    expect(topic.state()).toEqual({ joined: 'connected' });
    b.on!.closed();
    expect(topic.state()).toEqual({ joined: 'discovering' });
    expect(topic.snapshot().context.connections).toBe(0);
    topic.clock.advance(250);
    expect(topic.swarm().refreshes).toEqual([1_150]);
    expect(topic.swarm().dialled).toEqual(['b', 'a']); // whether or not the look-up finds them
  });

  it('looks around while somebody is connected: quickly at first, then now and then', () => {
    const topic = startTopic('client');
    topic.here();
    topic.connect('a');
    topic.clock.advance(80_000);
    expect(topic.swarm().refreshes).toEqual([1_000, 3_000, 7_000, 15_000, 45_000, 75_000]);
  });

  it('looks for one that was lost beside others at once, and dials it, but chases none that closes at once', () => {
    const topic = startTopic('client');
    topic.here();
    topic.connect('a');
    const lost = topic.connect('b');
    topic.clock.advance(50_000);
    const before = topic.swarm().refreshes.length;
    lost.on!.closed();
    topic.clock.advance(8_000);
    expect(topic.swarm().refreshes.slice(before)).toEqual([51_000, 53_000, 57_000]);
    expect(topic.swarm().dialled.slice(-2)).toEqual(['b', 'a']);
    const later = topic.swarm().refreshes.length;
    for (let turn = 0; turn < 100; turn++) {
      topic.connect('b').destroy();
      topic.clock.advance(100);
    }
    expect(topic.swarm().refreshes.length - later).toBeLessThanOrEqual(10);
  });

  it('does not chase peers that close at once', () => {
    const topic = startTopic('client');
    topic.here();
    for (let turn = 0; turn < 20; turn++) {
      topic.connect('a').destroy();
      topic.clock.advance(watchdogRefreshMs.asking);
    }
    expect(topic.swarm().refreshes.length).toBeLessThan(30);
  });

  it('counts a connection that its owner refused, without ever listening', () => {
    const topic = startTopic('client', 'refuses');
    topic.here();
    topic.connect('a');
    expect(topic.snapshot().context.connections).toBe(0);
    expect(topic.state()).toEqual({ joined: 'discovering' });
  });

  it('looks again when it wakes, and after a long sleep starts anew: its connections are dead and do not know it', () => {
    const topic = startTopic('client');
    topic.here();
    topic.connect('a');
    topic.clock.sleep(deadAfterSleepMs - 1);
    expect(topic.state()).toEqual({ joined: 'connected' });
    expect(topic.swarm()).toMatchObject({ dialled: ['a'], closes: 0 });
    const before = topic.swarm();
    topic.clock.sleep(deadAfterSleepMs);
    expect(topic.joined).toHaveLength(2);
    expect(before.closes).toBe(1);
    expect(topic.state()).toEqual({ joined: 'discovering' });
    expect(topic.snapshot().context.connections).toBe(0);
    topic.clock.advance(250);
    expect(topic.swarm().dialled).toEqual(['a']); // it still knows whom
    topic.actor.send({ type: 'sys.shutdown' });
    topic.clock.sleep(deadAfterSleepMs);
    expect(topic.state()).toEqual({ joined: 'leaving' });
  });

  it('remembers the latest peers it dialled, up to a cap', () => {
    const topic = startTopic('client');
    topic.here();
    for (let i = 0; i < maxKnownPeers + 5; i++) topic.connect(`peer ${i}`);
    topic.clock.advance(1_000);
    expect(topic.swarm().dialled).toHaveLength(maxKnownPeers);
    expect(topic.swarm().dialled[0]).toBe(`peer ${maxKnownPeers + 4}`);
  });

  it('backs off longer each time its swarm fails, never beyond half a minute, and joins again', () => {
    const topic = startTopic('server');
    for (let failures = 1; failures <= 9; failures++) {
      topic.here();
      expect(topic.state()).toEqual({ joined: 'discovering' });
      topic.swarm().on.failed(new Error('key pair in use'));
      expect(topic.state()).toBe('backingOff');
      expect(topic.swarm().closes).toBe(1);
      topic.clock.advance(backoffMs(rejoining, failures) - 1);
      expect(topic.state()).toBe('backingOff');
      topic.clock.advance(1);
      expect(topic.state()).toBe('joining');
    }
  });

  it('leaves in every state: at once, when its swarm says so, or after two seconds', () => {
    const joining = startTopic('client');
    joining.actor.send({ type: 'sys.shutdown' });
    expect(joining.snapshot().status).toBe('done');

    const backingOff = startTopic('client');
    backingOff.here();
    backingOff.swarm().on.closed();
    expect(backingOff.state()).toBe('backingOff');
    backingOff.actor.send({ type: 'sys.shutdown' });
    expect(backingOff.snapshot().status).toBe('done');

    for (const end of ['closed', 'timeout'] as const) {
      const topic = startTopic('client');
      topic.here();
      topic.connect('a');
      topic.actor.send({ type: 'sys.shutdown' });
      topic.actor.send({ type: 'sys.shutdown' });
      expect(topic.state()).toEqual({ joined: 'leaving' });
      expect(topic.swarm().closes).toBe(1);
      if (end === 'closed') topic.swarm().on.closed();
      else topic.clock.advance(2_000);
      expect(topic.snapshot().status).toBe('done');
      expect(topic.clock.pending).toBe(0);
    }
  });
});
