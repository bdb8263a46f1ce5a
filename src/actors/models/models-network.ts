/**
 * Joins the models network with a DHT node of this process's own. For commands that fetch or share models while a
 * worker of the same home may be running: they use a separate key, since one key cannot be in the mesh twice.
 */
import { keyPairFromSeed, type KeyPair } from '../../protocol/keys.js';
import { topicKey, topicName } from '../../protocol/topics.js';
import type { Clock } from '../../runtime/clock.js';
import type { NetworkPort } from '../ports.js';
import { ModelMesh } from './model-mesh.js';

const maxConnections = 64;
/** A node that joined before any other finds later ones by looking again. */
const refreshMs = 5_000;

export interface ModelsNetwork {
  readonly mesh: ModelMesh;
  /** Calls back when the network is closed. */
  close(gone: () => void): void;
}

export interface ModelsNetworkOptions {
  readonly network: NetworkPort;
  readonly prefix: string;
  readonly trusted: readonly string[];
  readonly clock: Clock;
  /** Seed of the key pair by which others know it. */
  readonly keySeed: Uint8Array;
  /** Identity that signs its shelf. */
  readonly identity: KeyPair;
}

/** Calls back once: with the network, or with the reason it could not be joined. */
export function joinModelsNetwork(
  { network, prefix, trusted, clock, keySeed, identity }: ModelsNetworkOptions,
  on: { joined(network: ModelsNetwork): void; failed(error: Error): void },
): void {
  const topicOf = topicName('models', prefix);
  const mesh = new ModelMesh({
    clock,
    trusted,
    identity,
    network: topicOf,
    key: keyPairFromSeed(keySeed).publicKeyHex,
    failed: (error) => on.failed(error),
  });
  let gone = (): void => {};
  const dht = network.open({
    ready() {
      const topic = dht.join(
        { topic: topicKey(topicOf), keySeed, server: true, client: true, maxConnections },
        {
          connection: (connection) => connection.destroy(),
          stream: (stream) => mesh.attach(stream),
          looked: () => mesh.looked(),
          failed: (error) => on.failed(error),
          closed: () => {},
        },
      );
      let timer = clock.setTimeout(function again() {
        if (mesh.swarm.peers.size === 0) topic.refresh();
        timer = clock.setTimeout(again, refreshMs);
      }, refreshMs);
      on.joined({
        mesh,
        close(done) {
          clock.clearTimeout(timer);
          gone = () => void mesh.close().then(done);
          dht.close();
        },
      });
    },
    failed: (error) => void mesh.close().then(() => on.failed(error)),
    closed: () => gone(),
  });
}
