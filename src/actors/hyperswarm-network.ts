/**
 * The real network: one HyperDHT node for the process, one Hyperswarm on it for each topic.
 *
 * 1. `open` binds the node; with bootstrap `local` it also joins, or founds, the mesh of this machine: `ready`.
 * 2. `join` puts a swarm on the node. Its announcements are repeated when the local mesh has a new holder.
 * 3. `close` closes the topics, then the node: `closed`. Nothing waits for a network that may not be there.
 */
import HyperDHT, { type Address, type HyperDHTOptions } from 'hyperdht';
import type { Clock } from '../runtime/clock.js';
import type { Random } from '../runtime/random.js';
import { LocalMesh } from './network/local-mesh.js';
import { SwarmTopic } from './network/swarm-topic.js';
import type { Bootstrap, Dht, DhtEvents, NetworkPort, Topic, TopicEvents, TopicOptions } from './ports.js';

/** Where the nodes of one machine meet. */
const defaultLocalPort = 49_737;
const loopback = '127.0.0.1';
/** Left to itself the library tries the local mesh's port first. */
const anyPort = [0, 0] as const;
/** How long the node may take to let go of its sockets. */
const closeTimeoutMs = 1_000;

export interface HyperswarmNetworkOptions {
  readonly bootstrap: Bootstrap;
  /** IPv4 address to bind. On a mesh that only this machine can reach, loopback is bound whatever stands here. */
  readonly host: string;
  /** UDP port to bind. Default: any free one. */
  readonly port?: number;
  /** In place of Hyperswarm's public nodes. */
  readonly publicNodes?: readonly Address[];
  /** In place of port 49737 for the mesh of this machine. */
  readonly localPort?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NetworkLog;
}

/** The part of a pino logger that is used here. */
export interface NetworkLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export function createHyperswarmNetwork(options: HyperswarmNetworkOptions): NetworkPort {
  return { open: (on) => new HyperswarmDht(options, on) };
}

class HyperswarmDht implements Dht {
  readonly #options: HyperswarmNetworkOptions;
  readonly #on: DhtEvents;
  readonly #node: HyperDHT;
  readonly #topics = new Set<SwarmTopic>();
  #mesh: LocalMesh | undefined;
  #ended = false;

  constructor(options: HyperswarmNetworkOptions, on: DhtEvents) {
    this.#options = options;
    this.#on = on;
    this.#node = new HyperDHT(nodeOptions(options));
    this.#node.bind().then(
      () => this.#bound(),
      (error: unknown) => this.#fail(new Error(whyNotBound(options, error), { cause: error })),
    );
  }

  join(options: TopicOptions, on: TopicEvents): Topic {
    const leave = (): boolean => this.#topics.delete(topic);
    const topic = new SwarmTopic(
      this.#node,
      options,
      {
        connection: (connection) => on.connection(connection),
        failed: (error) => {
          leave();
          on.failed(error);
        },
        closed: () => {
          leave();
          on.closed();
        },
      },
      this.#options.clock,
    );
    this.#topics.add(topic);
    return topic;
  }

  close(): void {
    this.#end(() => this.#on.closed());
  }

  #bound(): void {
    if (this.#ended) return;
    const { bootstrap, clock, random, log } = this.#options;
    if (bootstrap.kind !== 'local') {
      this.#on.ready({ bootstrap: bootstrapText(this.#options), holdsLocal: false });
      return;
    }
    this.#mesh = new LocalMesh(this.#node, localAddress(this.#options), clock, random, {
      joined: (holdsLocal) => this.#on.ready({ bootstrap: bootstrapText(this.#options), holdsLocal }),
      moved: (holdsLocal) => {
        log.info({ event: 'dht.moved', holdsLocal }, 'the local mesh has a new holder: announcing again');
        for (const topic of this.#topics) topic.refresh();
      },
      failed: (error) => this.#fail(error),
    });
  }

  #fail(error: Error): void {
    this.#end(() => this.#on.failed(error));
  }

  #end(report: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    void this.#release().then(report);
  }

  async #release(): Promise<void> {
    await Promise.all([...this.#topics].map((topic) => topic.ended()));
    const { clock, log } = this.#options;
    const released = Promise.allSettled([this.#mesh?.close(), this.#node.destroy()]);
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(() => {
        log.debug({ event: 'dht.close_timeout' }, 'the DHT node did not let go in time');
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
    // The NAT heuristics find a firewall on loopback where there is none, and then half of the connections stay half open.
    ...(host === loopback && { firewalled: false }),
    ...(bootstrap.kind === 'local' && { ephemeral: true }),
    ...(bootstrap.kind !== 'public' || options.publicNodes ? { bootstrap: bootstrapNodes(options) } : {}),
  };
}

function bootstrapNodes(options: HyperswarmNetworkOptions): readonly Address[] {
  switch (options.bootstrap.kind) {
    case 'local':
      return [localAddress(options)];
    case 'public':
      return options.publicNodes ?? [];
    case 'nodes':
      return options.bootstrap.nodes;
  }
}

function localAddress(options: HyperswarmNetworkOptions): Address {
  return { host: loopback, port: options.localPort ?? defaultLocalPort };
}

/** A mesh whose every way in is on this machine is bound to it. */
function bindHost(options: HyperswarmNetworkOptions): string {
  const nodes = bootstrapNodes(options);
  return nodes.length > 0 && nodes.every(({ host }) => isLoopback(host)) ? loopback : options.host;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.startsWith('127.');
}

function bootstrapText(options: HyperswarmNetworkOptions): string {
  if (options.bootstrap.kind === 'public') return 'public';
  return bootstrapNodes(options)
    .map(({ host, port }) => `${host}:${port}`)
    .join(',');
}

function whyNotBound(options: HyperswarmNetworkOptions, error: unknown): string {
  const where = `${bindHost(options)}${options.port === undefined ? '' : `:${options.port}`}`;
  const why = error instanceof Error ? error.message : String(error);
  return `cannot bind ${where} (${why}); set QMESH_HOST to an IPv4 address of this machine`;
}
