/**
 * An in-memory network on a virtual clock, behind the same port as the real one. Streams stay ordered, as Noise streams
 * do; below that anything goes: any latency, bytes split anywhere, broken connections, nodes that cannot reach each
 * other for a while, a client that looked up before its worker announced.
 */
import type {
  Connection,
  ConnectionEvents,
  Dht,
  DhtEvents,
  NetworkPort,
  Topic,
  TopicEvents,
  TopicOptions,
} from '../../../src/actors/ports.js';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import type { Random } from '../../../src/runtime/random.js';
import type { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import type { FreezableClock } from './freezable-clock.js';

export interface NetworkFaults {
  /** Latency of one delivery. */
  readonly latencyMs: readonly [min: number, max: number];
  /** Chance that one write arrives in pieces. */
  readonly cut: number;
}

/** How long a stream takes to notice that its packets are lost: UDX gives up after 13 to 17 s. */
const streamTimeoutMs = 15_000;
const redialMs = 1_000;

interface Member {
  readonly node: string;
  readonly options: TopicOptions;
  readonly key: string;
  readonly on: TopicEvents;
  readonly connections: Map<string, End>;
  isOpen: boolean;
}

export class SimNetwork {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  faults: NetworkFaults;
  readonly #members: Member[] = [];
  /** Pairs of nodes that cannot reach each other. */
  readonly #cuts = new Set<string>();
  readonly #frozen = new Map<string, FreezableClock>();

  constructor(clock: VirtualClock, random: Random, faults: NetworkFaults = { latencyMs: [1, 20], cut: 0.1 }) {
    this.#clock = clock;
    this.#random = random;
    this.faults = faults;
  }

  /** The network as `node` sees it. @param clock of a node that can be frozen, during which nothing reaches it */
  port(node: string, clock?: FreezableClock): NetworkPort {
    if (clock !== undefined) this.#frozen.set(node, clock);
    return { open: (on) => this.#open(node, on) };
  }

  /** @internal At once, or when `node` is thawed. */
  deliver(node: string, arrive: () => void): void {
    const clock = this.#frozen.get(node);
    if (clock === undefined) arrive();
    else clock.deliver(arrive);
  }

  /** From now on nothing passes between `a` and `b`, in either direction. */
  partition(a: string, b: string): void {
    this.#cuts.add(pair(a, b));
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** Breaks all of a node's connections at once, as when its process is killed and its host responds for it. */
  breakConnections(node: string): void {
    for (const member of this.#members)
      if (member.node === node) for (const end of [...member.connections.values()]) end.destroy();
  }

  /** Kills its process: it leaves every topic and sends nothing. Its peers find out in their own time. */
  kill(node: string): void {
    for (const member of this.#members.filter((m) => m.node === node)) {
      this.#leave(member);
      for (const end of [...member.connections.values()]) end.vanish();
    }
  }

  /** @internal */
  isCut(a: string, b: string): boolean {
    return this.#cuts.has(pair(a, b));
  }

  /** @internal */
  latencyMs(): number {
    const [min, max] = this.faults.latencyMs;
    return min + this.#random.next() * (max - min);
  }

  #open(node: string, on: DhtEvents): Dht {
    const members: Member[] = [];
    let isOpen = true;
    this.#clock.setTimeout(() => {
      if (isOpen) on.ready({ bootstrap: 'simulated', holdsLocal: false });
    }, this.latencyMs());
    return {
      join: (options, topicOn) => {
        const member = this.#join(node, options, topicOn);
        members.push(member.member);
        return member.topic;
      },
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        for (const member of members) this.#close(member);
        this.#clock.setTimeout(() => on.closed(), this.latencyMs());
      },
    };
  }

  #join(node: string, options: TopicOptions, on: TopicEvents): { member: Member; topic: Topic } {
    const key = keyPairFromSeed(options.keySeed).publicKeyHex;
    const member: Member = { node, options, key, on, connections: new Map(), isOpen: true };
    this.#members.push(member);
    // A look-up sees who has announced by then. Who comes later is found by the next refresh.
    if (options.client) this.#lookUp(member);
    return {
      member,
      topic: {
        refresh: () => this.#lookUp(member),
        dial: (remoteKey) => this.#dial(member, remoteKey),
        close: () => this.#close(member),
      },
    };
  }

  #lookUp(member: Member): void {
    if (!member.options.client) return;
    this.#clock.setTimeout(() => {
      for (const other of this.#members)
        if (other.isOpen && other.options.server && other.options.topic === member.options.topic && other !== member)
          this.#dial(member, other.key);
    }, 2 * this.latencyMs());
  }

  #dial(client: Member, remoteKey: string): void {
    const server = this.#members.find(
      (m) => m.isOpen && m.options.server && m.key === remoteKey && m.options.topic === client.options.topic,
    );
    if (
      server === undefined ||
      !client.isOpen ||
      client.connections.has(remoteKey) ||
      this.isCut(client.node, server.node)
    )
      return;
    if (server.connections.size >= server.options.maxConnections) return;
    const near = new End(this, this.#clock, this.#random, client, server, true);
    const far = new End(this, this.#clock, this.#random, server, client, false);
    near.peer = far;
    far.peer = near;
    client.connections.set(server.key, near);
    server.connections.set(client.key, far);
    near.onGone = () => {
      client.connections.delete(server.key);
      if (client.isOpen) this.#clock.setTimeout(() => this.#dial(client, remoteKey), redialMs);
    };
    far.onGone = () => void server.connections.delete(client.key);
    this.#clock.setTimeout(() => {
      for (const [member, end] of [
        [server, far],
        [client, near],
      ] as const)
        this.deliver(member.node, () => {
          if (!end.isGone) member.on.connection(end);
        });
    }, this.latencyMs());
  }

  #close(member: Member): void {
    if (!member.isOpen) return;
    this.#leave(member);
    for (const end of [...member.connections.values()]) end.destroy();
    this.#clock.setTimeout(() => member.on.closed(), this.latencyMs());
  }

  #leave(member: Member): void {
    member.isOpen = false;
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
  }
}

class End implements Connection {
  readonly remoteKey: string;
  readonly remoteAddress: string;
  peer: End | undefined;
  onGone: () => void = () => {};
  isGone = false;
  #on: ConnectionEvents | undefined;
  #early: Uint8Array[] = [];
  #inFlight = 0;
  #isBroken = false;
  #lastArrivalMs = 0;

  constructor(
    readonly network: SimNetwork,
    readonly clock: VirtualClock,
    readonly random: Random,
    readonly local: Member,
    readonly remote: Member,
    readonly initiator: boolean,
  ) {
    this.remoteKey = remote.key;
    this.remoteAddress = remote.node;
  }

  get unsentBytes(): number {
    return this.#inFlight;
  }

  listen(on: ConnectionEvents): void {
    this.#on = on;
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) on.data(bytes);
  }

  write(bytes: Uint8Array): void {
    if (this.isGone) return;
    this.#inFlight += bytes.length;
    for (const piece of this.#pieces(bytes))
      this.#later(() => {
        this.#inFlight -= piece.length;
        this.network.deliver(this.remote.node, () => this.peer?.receive(piece));
      });
  }

  /** Both directions end; the other side hears of it when the packet arrives. */
  destroy(): void {
    if (this.isGone) return;
    this.#later(() => this.peer?.vanish());
    this.vanish();
  }

  end(): void {
    if (this.isGone) return;
    this.#later(() => this.destroy());
  }

  receive(bytes: Uint8Array): void {
    if (this.isGone) return;
    if (this.#on === undefined) this.#early.push(bytes);
    else this.#on.data(bytes);
  }

  /** This end is over. Its owner hears of it on its own time; the other side notices when its packets are not answered. */
  vanish(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.onGone();
    this.clock.setTimeout(() => this.#on?.closed(), 0);
    const { peer } = this;
    this.clock.setTimeout(() => peer?.vanish(), streamTimeoutMs);
  }

  /** Something was lost for good: nothing arrives any more, either way, and both sides notice in the end. */
  #break(): void {
    for (const end of [this, this.peer]) {
      if (end === undefined || end.#isBroken) continue;
      end.#isBroken = true;
      this.clock.setTimeout(() => end.vanish(), streamTimeoutMs);
    }
  }

  #pieces(bytes: Uint8Array): Uint8Array[] {
    if (bytes.length < 2 || this.random.next() >= this.network.faults.cut) return [bytes];
    const at = 1 + Math.floor(this.random.next() * (bytes.length - 1));
    return [bytes.subarray(0, at), bytes.subarray(at)];
  }

  /** In order; never, while the nodes cannot hear each other, and the stream then breaks. */
  #later(arrive: () => void): void {
    const atMs = Math.max(this.#lastArrivalMs, this.clock.monotonicMs() + this.network.latencyMs());
    this.#lastArrivalMs = atMs;
    this.clock.setTimeout(() => {
      if (this.network.isCut(this.local.node, this.remote.node)) this.#break();
      if (!this.#isBroken) arrive();
    }, atMs - this.clock.monotonicMs());
  }
}

const pair = (a: string, b: string): string => [a, b].sort().join('|');
