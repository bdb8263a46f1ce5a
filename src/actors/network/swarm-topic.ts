/**
 * One Hyperswarm on one topic, as the `Topic` of ports.ts. It counts inbound connections itself, since Hyperswarm's own
 * limits do not, keeps every promise of the library to itself, and closes without taking the shared DHT node along.
 */
import Hyperswarm, { type DiscoverySession, type NoiseStream } from 'hyperswarm';
import HyperDHT from 'hyperdht';
import type { Clock } from '../../runtime/clock.js';
import type { Topic, TopicEvents, TopicOptions } from '../ports.js';
import { leaseDht, type DhtLease } from './dht-lease.js';
import { NoiseConnection } from './noise-connection.js';

/** Dead peers stay listed for up to 20 minutes; dialling them must not hold up the living. */
const maxParallelDials = 24;
/** The first is for peers that were just lost, the last for those that failed thrice. */
const redialBackoffsMs = [250, 1_000, 5_000, 60_000] as const;
const redialJitterMs = 100;
/** Taking back the announcement needs the network, which may be gone. */
const closeTimeoutMs = 1_500;

export class SwarmTopic implements Topic {
  readonly #options: TopicOptions;
  readonly #on: TopicEvents;
  readonly #clock: Clock;
  readonly #lease: DhtLease;
  readonly #swarm: Hyperswarm;
  readonly #session: DiscoverySession;
  readonly #inbound = new Set<NoiseStream>();
  readonly #reported: Promise<void>;
  #resolveReported = (): void => {};
  #refreshing = false;
  #refreshAgain = false;
  #ended = false;

  constructor(node: HyperDHT, options: TopicOptions, on: TopicEvents, clock: Clock) {
    this.#options = options;
    this.#on = on;
    this.#clock = clock;
    this.#reported = new Promise((resolve) => (this.#resolveReported = resolve));
    this.#lease = leaseDht(node);
    this.#swarm = new Hyperswarm({
      dht: this.#lease.dht,
      keyPair: HyperDHT.keyPair(options.keySeed),
      maxParallel: maxParallelDials,
      backoffs: redialBackoffsMs,
      jitter: redialJitterMs,
    });
    this.#swarm.on('connection', (stream: NoiseStream) => this.#connected(stream));
    this.#session = this.#swarm.join(Buffer.from(options.topic, 'hex'), options);
    // A refused listen would otherwise only show as refreshes that fail for ever.
    if (options.server) this.#swarm.listen().catch((error: unknown) => this.#fail(error));
  }

  refresh(): void {
    if (this.#ended) return;
    if (this.#refreshing) {
      this.#refreshAgain = true; // the running one may have asked before the answer changed
      return;
    }
    this.#refreshing = true;
    if (this.#options.server) this.#swarm.server.refresh();
    const done = (): void => {
      this.#refreshing = false;
      if (!this.#refreshAgain) return;
      this.#refreshAgain = false;
      this.refresh();
    };
    this.#session.refresh().then(done, done);
  }

  dial(remoteKey: string): void {
    if (!this.#ended) this.#swarm.joinPeer(Buffer.from(remoteKey, 'hex'));
  }

  close(): void {
    this.#end(() => this.#on.closed());
  }

  /** Closes, and resolves once that is reported. */
  ended(): Promise<void> {
    this.close();
    return this.#reported;
  }

  #connected(stream: NoiseStream): void {
    const refused = !stream.isInitiator && this.#inbound.size >= this.#options.maxConnections;
    if (this.#ended || refused) {
      stream.on('error', () => {});
      stream.destroy();
      return;
    }
    if (!stream.isInitiator) {
      this.#inbound.add(stream);
      stream.on('close', () => this.#inbound.delete(stream));
    }
    this.#on.connection(new NoiseConnection(stream, this.#clock));
  }

  #fail(error: unknown): void {
    this.#end(() => this.#on.failed(error instanceof Error ? error : new Error(String(error))));
  }

  #end(report: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const stream of this.#swarm.connections) stream.destroy();
    let reported = false;
    const gone = (): void => {
      if (reported) return;
      reported = true;
      this.#clock.clearTimeout(timer);
      this.#lease.release();
      report();
      this.#resolveReported();
    };
    const timer = this.#clock.setTimeout(gone, closeTimeoutMs);
    this.#swarm.destroy().then(gone, gone);
  }
}
