/**
 * The real network: one HyperDHT node per process, and on it one Hyperswarm per topic.
 *
 * 1. `open` binds the node; with bootstrap `local` it also joins or founds the mesh of this machine: `ready`.
 * 2. `join` creates a swarm on the node. It announces again whenever the local mesh gets a new holder.
 * 3. `close` closes the topics, then the node: `closed`. Nothing waits for a network that may not be there.
 */
import { isIPv4 } from 'node:net';
import HyperDHT, { type Address, type HyperDHTOptions } from 'hyperdht';
import { isLoopback } from '../../rules/nat.js';
import type { Clock } from '../../runtime/clock.js';
import { messageOf } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import type { Random } from '../../runtime/random.js';
import { destroyNode } from './bind-bootstrapper.js';
import { LocalMesh } from './local-mesh.js';
import { SwarmTopic } from './swarm-topic.js';
import type { Bootstrap, Dht, DhtEvents, NetworkPort, Topic, TopicEvents, TopicOptions } from '../ports.js';

/** Where the nodes of one machine meet. */
export const defaultLocalPort = 49_737;
const loopback = '127.0.0.1';
/** By default the library would try the local mesh's port first. */
const anyPort = [0, 0] as const;
/** A dial over loopback takes about 10 ms, or hits a process that is gone. */
const loopbackDialTimeoutMs = 1_000;
/** How long the node may take to release its sockets. */
const closeTimeoutMs = 1_000;

export interface HyperswarmNetworkOptions {
  readonly bootstrap: Bootstrap;
  /** IPv4 address to bind. A mesh reachable only from this machine always binds 127.0.0.1. */
  readonly host: string;
  /** UDP port to bind. Default: any free one. */
  readonly port?: number;
  /** Replaces Hyperswarm's public nodes. */
  readonly publicNodes?: readonly Address[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export function createHyperswarmNetwork(options: HyperswarmNetworkOptions): NetworkPort {
  let released = Promise.resolve();
  return {
    open(on) {
      const dht = new HyperswarmDht(options, on, released);
      released = dht.released;
      return dht;
    },
  };
}

class HyperswarmDht implements Dht {
  /** Resolves when sockets and ports are free again. Never rejects. */
  readonly released: Promise<void>;
  readonly #options: HyperswarmNetworkOptions;
  readonly #on: DhtEvents;
  readonly #topics = new Map<SwarmTopic, string>();
  #resolveReleased = (): void => {};
  #node: HyperDHT | undefined;
  #mesh: LocalMesh | undefined;
  #isOver = false;

  /** @param before the release of this process's previous node, whose ports and announcements this one takes over. */
  constructor(options: HyperswarmNetworkOptions, on: DhtEvents, before: Promise<void>) {
    this.#options = options;
    this.#on = on;
    this.released = new Promise((resolve) => (this.#resolveReleased = resolve));
    void before.then(() => this.#start());
  }

  join(options: TopicOptions, on: TopicEvents): Topic {
    if (!this.#node) throw new Error('a topic can be joined once the DHT node is ready');
    const key = Buffer.from(options.keySeed).toString('hex');
    const earlier = [...this.#topics].filter(([, other]) => other === key).map(([topic]) => topic.ended);
    const shared = {
      node: this.#node,
      clock: this.#options.clock,
      dialTimeoutMs: bindHost(this.#options) === loopback ? loopbackDialTimeoutMs : undefined,
    };
    const topic = new SwarmTopic(shared, options, on, Promise.all(earlier));
    this.#topics.set(topic, key);
    void topic.ended.then(() => this.#topics.delete(topic));
    return topic;
  }

  close(): void {
    this.#end(() => this.#on.closed());
  }

  #start(): void {
    if (this.#isOver) return;
    const failed = (error: unknown): void => this.#fail(new Error(whyNotBound(this.#options, error), { cause: error }));
    // An IPv6 address would be bound, but no other node could ever be reached.
    if (!isIPv4(bindHost(this.#options))) return failed(new Error('it is not an IPv4 address'));
    this.#node = new HyperDHT(nodeOptions(this.#options));
    this.#node.bind().then(() => this.#bound(), failed);
  }

  #bound(): void {
    if (this.#isOver || !this.#node) return;
    const { bootstrap, clock, random, log } = this.#options;
    if (bootstrap.kind !== 'local') {
      this.#on.ready({ bootstrap: bootstrapText(this.#options), holdsLocal: false });
      void this.#sayIfAlone(this.#node);
      return;
    }
    this.#mesh = new LocalMesh(this.#node, localAddress(bootstrap.port), clock, random, {
      joined: (holdsLocal) => this.#on.ready({ bootstrap: bootstrapText(this.#options), holdsLocal }),
      moved: (holdsLocal) => {
        log.info('dht.moved', { holdsLocal }); // the new holder knows nobody yet
        for (const topic of this.#topics.keys()) topic.refresh();
      },
      failed: (error) => this.#fail(error),
    });
  }

  /** If no node answers, nothing fails, so a mistyped address would go unnoticed. */
  async #sayIfAlone(node: HyperDHT): Promise<void> {
    await node.fullyBootstrapped().catch(() => {});
    if (this.#isOver || node.toArray().length > 0) return;
    this.#options.log.warn('dht.alone', {
      bootstrap: bootstrapText(this.#options),
      note: 'None of these nodes answers. This one joins as soon as one does; qmesh doctor says what is wrong with each.',
    });
  }

  #fail(error: Error): void {
    this.#end(() => this.#on.failed(error));
  }

  #end(report: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void this.#release().then(() => {
      report();
      this.#resolveReleased();
    });
  }

  async #release(): Promise<void> {
    const topics = [...this.#topics.keys()];
    for (const topic of topics) topic.close();
    await Promise.all(topics.map((topic) => topic.ended));
    const { clock, log } = this.#options;
    const released = Promise.all([this.#mesh?.close(), this.#node && destroyNode(this.#node)]);
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(() => {
        log.debug('dht.close_timed_out');
        resolve();
      }, closeTimeoutMs);
      void released.then(() => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
  }
}

function nodeOptions(options: HyperswarmNetworkOptions): HyperDHTOptions {
  const { bootstrap } = options;
  const host = bindHost(options);
  return {
    host,
    port: options.port ?? anyPort,
    ...(options.port !== undefined && { anyPort: false }),
    // The NAT heuristics detect a firewall on loopback where there is none, and then half of the connections stay half
    // open.
    ...(host === loopback && { firewalled: false }),
    ...(bootstrap.kind === 'local' && { ephemeral: true }),
    ...(bootstrap.kind !== 'public' || options.publicNodes ? { bootstrap: bootstrapNodes(options) } : {}),
  };
}

function bootstrapNodes(options: HyperswarmNetworkOptions): readonly Address[] {
  switch (options.bootstrap.kind) {
    case 'local':
      return [localAddress(options.bootstrap.port)];
    case 'public':
      return options.publicNodes ?? [];
    case 'nodes':
      return options.bootstrap.nodes;
  }
}

function localAddress(port = defaultLocalPort): Address {
  return { host: loopback, port };
}

/** If all bootstrap nodes are on this machine, the mesh is bound to loopback. */
function bindHost(options: HyperswarmNetworkOptions): string {
  const nodes = bootstrapNodes(options);
  return nodes.length > 0 && nodes.every(({ host }) => isLoopback(host)) ? loopback : options.host;
}

function bootstrapText(options: HyperswarmNetworkOptions): string {
  if (options.bootstrap.kind === 'public') return 'public';
  return bootstrapNodes(options)
    .map(({ host, port }) => `${host}:${port}`)
    .join(',');
}

function whyNotBound(options: HyperswarmNetworkOptions, error: unknown): string {
  const where = `${bindHost(options)}${options.port === undefined ? '' : `:${options.port}`}`;
  const why = messageOf(error);
  return `cannot bind ${where} (${why}); set QMESH_HOST to an IPv4 address of this machine`;
}
