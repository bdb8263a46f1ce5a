/** A worker in this process, with a real network and engine, for tests that need to control a port. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { forkEngine } from '../../src/actors/engine-process.js';
import { createHyperswarmNetwork } from '../../src/actors/network/hyperswarm-network.js';
import type { ModelFiles } from '../../src/actors/models/model-files.js';
import { noConductStore } from '../../src/actors/conduct/conduct-file.js';
import { ownerWordInMemory } from '../../src/actors/home/owner-word.js';
import { startWorker, type RunningWorker } from '../../src/actors/worker/start-worker.js';
import type { WorkerPorts } from '../../src/actors/worker/worker-ports.js';
import { keyPairFromSeed } from '../../src/protocol/keys.js';
import { localWallTime, systemClock } from '../../src/runtime/clock.js';
import { nullLogger } from '../../src/runtime/log.js';
import { systemRandom } from '../../src/runtime/random.js';
import { engineEntry } from './engine-harness.js';
import type { Testnet } from './worker-process.js';

export interface InProcessOptions {
  readonly testnet: Testnet;
  /** The one model, served as `demo`. */
  readonly modelPath: string;
  readonly seed?: Uint8Array;
  readonly ports?: Partial<WorkerPorts>;
}

export function startWorkerHere({
  testnet,
  modelPath,
  seed = systemRandom.bytes(32),
  ports = {},
}: InProcessOptions): RunningWorker {
  const ambient = { clock: systemClock, random: systemRandom, log: nullLogger };
  const bootstrap = { kind: 'nodes', nodes: testnet.nodes } as const;
  return startWorker(
    {
      identity: keyPairFromSeed(seed),
      seed,
      models: ['demo'],
      networkPrefix: '',
      slots: 2,
      queueCapacity: 10,
      drainMs: 5_000,
      sharesPrefix: false,
      schedule: undefined,
      maxConnections: 8,
      allow: [],
      deny: [],
      validators: { validators: 'seen' },
      modelMemoryBytes: Infinity,
      engine: { gpuLayers: 0, threads: 1 },
      cores: 2,
      agent: 'test',
    },
    {
      ...ambient,
      network: createHyperswarmNetwork({ ...ambient, bootstrap, host: '127.0.0.1' }),
      engines: forkEngine({ entry: engineEntry }),
      modelFiles: oneFile(modelPath),
      modelsPort: undefined,
      conductStore: noConductStore,
      ledger: undefined,
      onDhtReady: () => {},
      onDhtFailed: () => {},
      onModelRefused: () => {},
      wallTime: localWallTime,
      ownerWord: ownerWordInMemory(),
      control: { listen: () => ({ close: () => {} }) },
      onStopAsked: () => {},
      standing: () => 'guest',
      sampleHealth: () => ({ cpu: 10, memory: 20, load: 10, busyShare: 0.1 }),
      ...ports,
    },
  );
}

/** A model that is in place and known to be harmless. */
const oneFile = (path: string): ModelFiles => ({
  locate: (_, on) => {
    on.found(path);
    return () => {};
  },
  verify: (name, _, on) => {
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    on.verified({ name, sha256, bytes: statSync(path).size, path, contextSize: 2_048, memoryBytes: 1 }, false);
    return () => {};
  },
  rememberProbe: () => {},
  noteFetched: () => {},
  discard: () => {},
});
