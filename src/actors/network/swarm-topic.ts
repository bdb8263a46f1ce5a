/**
 * One Hyperswarm on one topic, as the `Topic` of ports.ts. It counts inbound connections itself, since Hyperswarm's
 * limits do not apply to them, handles every promise of the library, and closes without destroying the shared DHT node.
 */
import Hyperswarm, { type DiscoverySession, type NoiseStream } from 'hyperswarm';
import HyperDHT from 'hyperdht';
import type { Clock } from '../../runtime/clock.js';
import { asError } from '../../runtime/errors.js';
import type { Topic, TopicEvents, TopicOptions } from '../ports.js';
import { leaseDht } from './dht-lease.js';
import { NoiseConnection } from './noise-connection.js';

/** Dead peers stay listed for up to 20 minutes; dialling them must not delay live peers. */
const maxParallelDials = 24;
/** The first is for peers that were just lost, the last for those that failed three times. */
const redialBackoffsMs = [250, 1_000, 5_000, 60_000] as const;
const redialJitterMs = 100;
/** Withdrawing the announcement needs the network, which may be gone. */
const closeTimeoutMs = 1_500;

export interface SwarmShared {
  readonly node: HyperDHT;
  readonly clock: Clock;
  /** For meshes in which a peer is reached either at once or not at all. */
  readonly dialTimeoutMs: number | undefined;
}

export class SwarmTopic implements Topic {
  /** Resolves when this topic has reported its end and its key pair is free again. Never rejects. */
  readonly ended: Promise<void>;
  readonly #options: TopicOptions;
  readonly #on: TopicEvents;
  readonly #clock: Clock;
  readonly #inbound = new Set<NoiseStream>();
  readonly #toDial = new Set<string>();
  #resolveEnded = (): void => {};
  #swarm: Hyperswarm | undefined;
  #session: DiscoverySession | undefined;
  #releaseDht = (): void => {};
  #refreshing = false;
  #refreshAgain = false;
  #isOver = false;

  /** @param before must end first: an earlier swarm with the same key pair would withdraw this one's announcement. */
  constructor(shared: SwarmShared, options: TopicOptions, on: TopicEvents, before: Promise<unknown>) {
    this.#options = options;
    this.#on = on;
    this.#clock = shared.clock;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    void before.then(() => this.#start(shared));
  }

  refresh(): void {
    if (this.#isOver || !this.#session) return;
    if (this.#refreshing) {
      this.#refreshAgain = true; // the running refresh may have asked before the answer changed
      return;
    }
    this.#refreshing = true;
    if (this.#options.server) this.#swarm?.server.refresh();
    const done = (): void => this.#refreshed();
    this.#session.refresh().then(done, done);
  }

  dial(remoteKey: string): void {
    this.#toDial.add(remoteKey);
    if (!this.#refreshing) this.#dialAll();
  }

  close(): void {
    this.#end(() => this.#on.closed());
  }

  #start({ node, clock, dialTimeoutMs }: SwarmShared): void {
    if (this.#isOver) return;
    const lease = leaseDht(node, clock, dialTimeoutMs);
    this.#releaseDht = () => lease.release();
    this.#swarm = new Hyperswarm({
      dht: lease.dht,
      keyPair: HyperDHT.keyPair(this.#options.keySeed),
      maxParallel: maxParallelDials,
      backoffs: redialBackoffsMs,
      jitter: redialJitterMs,
    });
    this.#swarm.on('connection', (stream: NoiseStream) => this.#connected(stream));
    this.#session = this.#swarm.join(Buffer.from(this.#options.topic, 'hex'), this.#options);
    const looked = (): void => {
      if (!this.#isOver) this.#on.looked?.();
    };
    if (this.#on.looked) void this.#swarm.flush().then(looked, () => {});
    // Otherwise a refused listen would only show as refreshes that fail forever.
    if (this.#options.server) this.#swarm.listen().catch((error: unknown) => this.#fail(error));
  }

  #connected(stream: NoiseStream): void {
    const isRefused = !stream.isInitiator && this.#inbound.size >= this.#options.maxConnections;
    if (this.#isOver || isRefused) {
      stream.on('error', () => {});
      stream.destroy();
      return;
    }
    if (!stream.isInitiator) {
      this.#inbound.add(stream);
      stream.on('close', () => this.#inbound.delete(stream));
    }
    if (this.#on.stream) this.#on.stream(stream);
    else this.#on.connection(new NoiseConnection(stream, this.#clock));
  }

  #refreshed(): void {
    this.#refreshing = false;
    this.#dialAll();
    if (!this.#refreshAgain) return;
    this.#refreshAgain = false;
    this.refresh();
  }

  /**
   * After a lookup, not during it: a dial by key alone goes to the peer's last address and discards what the lookup
   * found.
   */
  #dialAll(): void {
    for (const key of this.#toDial) {
      const isFound = (this.#swarm?.peers.get(key)?.relayAddresses?.length ?? 0) > 0;
      if (!this.#isOver && !isFound) this.#swarm?.joinPeer(Buffer.from(key, 'hex'));
    }
    this.#toDial.clear();
  }

  #fail(error: unknown): void {
    this.#end(() => this.#on.failed(asError(error)));
  }

  #end(report: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    let isReported = false;
    const gone = (): void => {
      if (isReported) return;
      isReported = true;
      this.#clock.clearTimeout(timer);
      this.#releaseDht();
      report();
      this.#resolveEnded();
    };
    const timer = this.#clock.setTimeout(gone, closeTimeoutMs);
    for (const stream of this.#swarm?.connections ?? []) stream.destroy();
    const destroyed = this.#swarm?.destroy() ?? Promise.resolve();
    destroyed.then(gone, gone);
  }
}
