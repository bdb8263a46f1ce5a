/**
 * Shared by the commands that transfer models: the models network, the limits from the settings, and a hashing thread.
 */
import { createHyperswarmNetwork } from '../actors/network/hyperswarm-network.js';
import { joinModelsNetwork, type ModelsNetwork } from '../actors/models/models-network.js';
import type { BlocksRead, ReadBlocksTask } from '../actors/models/read-blocks.js';
import { throttleAt, unlimited, type Throttle } from '../actors/models/throttle.js';
import { keyPairFromSeed, type KeyPair } from '../protocol/keys.js';
import { systemClock } from '../runtime/clock.js';
import { nullLogger } from '../runtime/log.js';
import { systemRandom } from '../runtime/random.js';
import { createThreadPool } from '../runtime/thread-pool.js';
import type { Settings } from '../settings.js';

/** Settings that these commands take. */
export const modelsSettings = [
  'models',
  'home',
  'bootstrap',
  'host',
  'network',
  'seeders',
  'upKbps',
  'downKbps',
] as const;

/**
 * Rejects if the mesh cannot be joined.
 * @param identity whose shelf it is; a throwaway identity by default, for those who only fetch
 */
export function joinMesh(
  { bootstrap, host, network, seeders }: Settings,
  keySeed: Uint8Array,
  identity: KeyPair = keyPairFromSeed(keySeed),
): Promise<ModelsNetwork> {
  return new Promise((resolve, reject) => {
    joinModelsNetwork(
      {
        network: createHyperswarmNetwork({
          bootstrap,
          host,
          clock: systemClock,
          random: systemRandom,
          log: nullLogger,
        }),
        prefix: network,
        trusted: seeders,
        clock: systemClock,
        keySeed,
        identity,
      },
      { joined: resolve, failed: reject },
    );
  });
}

export const limitOf = (kilobytesPerSecond: number | undefined): Throttle =>
  kilobytesPerSecond === undefined ? unlimited : throttleAt(kilobytesPerSecond * 1_000, systemClock);

export interface Hasher {
  readBlocks(this: void, path: string): Promise<BlocksRead>;
  close(): Promise<void>;
}

export function createHasher(): Hasher {
  const entry = new URL('../actors/models/read-blocks.js', import.meta.url);
  const pool = createThreadPool<ReadBlocksTask, BlocksRead>({ entry, maxThreads: 1 });
  return { readBlocks: (path) => pool.run({ path }), close: () => pool.close() };
}
