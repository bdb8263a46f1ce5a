/**
 * This process on the models network: its swarm, its shelf, and those of the others. For a command that fetches or offers models beside
 * a worker of the same home: it has a key of its own, since one key cannot be in the mesh twice.
 */
import { topicKey, topicName } from '../../protocol/topics.js';
import type { Clock } from '../../runtime/clock.js';
import type { NetworkPort } from '../ports.js';
import { createModelSwarm, type ModelSwarm } from './model-swarm.js';
import { createShelves, type Shelves } from './shelves.js';

const maxConnections = 64;
/** A node that joined before the others did finds them by looking again. */
const refreshMs = 5_000;

export interface ModelsNetwork {
  readonly swarm: ModelSwarm;
  readonly shelves: Shelves;
  readonly trusted: readonly string[];
  /** Calls back when the network is gone. */
  close(gone: () => void): void;
}

export interface ModelsNetworkOptions {
  readonly network: NetworkPort;
  readonly prefix: string;
  readonly trusted: readonly string[];
  readonly clock: Clock;
  /** Of the key pair under which the others know it. */
  readonly keySeed: Uint8Array;
}

/** Calls back once: with the network, or why there is none. */
export function joinModelsNetwork(
  { network, prefix, trusted, clock, keySeed }: ModelsNetworkOptions,
  on: { joined(network: ModelsNetwork): void; failed(error: Error): void },
): void {
  const swarm = createModelSwarm({ clock, trusted });
  const shelves = createShelves(() => {});
  let gone = (): void => {};
  const dht = network.open({
    ready() {
      const topic = dht.join(
        {
          topic: topicKey(topicName('models', prefix)),
          keySeed,
          server: true,
          client: true,
          maxConnections,
        },
        {
          connection: (connection) => connection.destroy(),
          stream(stream) {
            swarm.attach(stream);
            shelves.attach(stream);
          },
          failed: (error) => on.failed(error),
          closed: () => {},
        },
      );
      let timer = clock.setTimeout(function again() {
        if (swarm.peers.size === 0) topic.refresh();
        timer = clock.setTimeout(again, refreshMs);
      }, refreshMs);
      on.joined({
        swarm,
        shelves,
        trusted,
        close(done) {
          gone = done;
          clock.clearTimeout(timer);
          swarm.close();
          dht.close();
        },
      });
    },
    failed: (error) => on.failed(error),
    closed: () => gone(),
  });
}
