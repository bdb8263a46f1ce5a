/**
 * A local model for when no worker is left: a whole worker inside this client's process, connected without a socket, so
 * a request continues there as at any other worker. It starts with the first request that needs it and ends with the
 * client.
 */
import { join } from 'node:path';
import { noConductStore } from '../actors/conduct/conduct-file.js';
import type { LocalFallback } from '../actors/ask.actor.js';
import { forkEngine } from '../actors/engine-process.js';
import { openHome } from '../actors/home/home.js';
import { ModelDisk } from '../actors/models/model-disk.js';
import { createInProcessNetwork, type InProcessNetwork } from '../actors/network/in-process.js';
import { ownerWordInMemory } from '../actors/home/owner-word.js';
import type { Connection } from '../actors/ports.js';
import { startWorker } from '../actors/worker/start-worker.js';
import type { WorkerOptions, WorkerPorts } from '../actors/worker/worker-ports.js';
import { demoModelName } from '../gguf/demo-model.js';
import { keyPairFromSeed } from '../protocol/keys.js';
import { topicKey, topicName } from '../protocol/topics.js';
import { localWallTime, systemClock } from '../runtime/clock.js';
import { usableCores } from '../runtime/container-limits.js';
import { messageOf } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';
import { readProcessorTimes } from '../runtime/processor-times.js';
import { systemRandom } from '../runtime/random.js';
import type { Tree } from '../runtime/start-tree.js';

/** Which model answers if a request names none, and how it is run. */
export interface LocalModel {
  /** A name or a path. Default: the demo model, which counts. */
  readonly model?: string | undefined;
  /** Folders in which models are looked up by name. Default: `models` in the home. */
  readonly folders?: readonly string[];
  /** Where facts learnt about model files are cached. Default: `~/.qmesh`. */
  readonly home?: string;
  /** Tokens of prompt and answer together. Default: chosen for this machine. */
  readonly contextSize?: number | undefined;
  /** Default: the number of cores. */
  readonly threads?: number | undefined;
  /** Layers on the graphics card; -1, the default: as many as fit. */
  readonly gpuLayers?: number;
}

export interface LocalWorkersDeps {
  readonly log: Logger;
  /** Accepts a connection to a worker. */
  readonly link: (connection: Connection) => void;
}

/** Each holds a model in memory. */
const maxWorkers = 2;
/** Requests of this client that may wait for a model. */
const queueCapacity = 100;
const prefix = 'local:';

/** Whether an answer came from a model on the client's own disk. */
export const isLocalWorker = (worker: string): boolean => worker.startsWith(prefix);

interface LocalWorker {
  readonly name: string;
  readonly tree: Tree;
  readonly disk: ModelDisk;
  readonly network: InProcessNetwork;
  state: 'loading' | 'dialling' | 'up';
  readonly waiting: Set<{ ready(worker: string): void; failed(reason: string): void }>;
}

export class LocalWorkers implements LocalFallback {
  readonly #model: LocalModel;
  readonly #home: string;
  readonly #deps: LocalWorkersDeps;
  /** By requested model. */
  readonly #workers = new Map<string, LocalWorker>();

  /** @throws CodedError */
  constructor(model: LocalModel, deps: LocalWorkersDeps) {
    this.#model = model;
    this.#home = openHome(model.home).path;
    this.#deps = deps;
  }

  has(worker: string): boolean {
    return isLocalWorker(worker);
  }

  start(model: string | undefined, on: { ready(worker: string): void; failed(reason: string): void }): () => void {
    const wanted = model ?? this.#model.model ?? demoModelName;
    const known = this.#workers.get(wanted);
    if (known === undefined && this.#workers.size >= maxWorkers) {
      on.failed(`This client runs ${maxWorkers} models of its own already; ask for one of those.`);
      return () => {};
    }
    const worker = known ?? this.#open(wanted);
    if (worker.state === 'up' && !worker.network.isConnected) this.#dial(worker); // part of it failed and was restarted
    if (worker.state === 'up') on.ready(worker.name);
    else worker.waiting.add(on);
    return () => void worker.waiting.delete(on);
  }

  stop(): Promise<unknown> {
    return Promise.all([...this.#workers.keys()].map((wanted) => this.#close(wanted)));
  }

  #open(wanted: string): LocalWorker {
    const name = `${prefix}${wanted}`;
    const seed = systemRandom.bytes(32);
    const identity = keyPairFromSeed(seed);
    const network = createInProcessNetwork(systemClock, { worker: name, client: identity.publicKeyHex });
    const disk = new ModelDisk({
      home: this.#home,
      folders: this.#model.folders ?? [join(this.#home, 'models')],
      contextSize: this.#model.contextSize,
      slots: 1,
    });
    const fail = (reason: string): void => {
      void this.#close(wanted);
      for (const on of [...worker.waiting]) on.failed(`This machine cannot answer by itself: ${reason}`);
    };
    const { tree, deps } = startWorker(this.#options(wanted, seed), this.#ports(network.port, disk, fail));
    const worker: LocalWorker = { name, tree, disk, network, state: 'loading', waiting: new Set() };
    this.#workers.set(wanted, worker);
    tree.onEscalation((error) => fail(messageOf(error)));
    deps.board.onReady(() => {
      if (worker.state === 'loading') this.#dial(worker);
    });
    return worker;
  }

  #dial(worker: LocalWorker): void {
    worker.state = 'dialling';
    worker.network.dial(topicKey(topicName('inference', '')), (connection) => {
      this.#deps.link(connection);
      worker.state = 'up';
      for (const on of [...worker.waiting]) on.ready(worker.name);
      worker.waiting.clear();
    });
  }

  async #close(wanted: string): Promise<void> {
    const worker = this.#workers.get(wanted);
    if (worker === undefined) return;
    this.#workers.delete(wanted);
    await new Promise<void>((stopped) => worker.tree.stop(stopped));
    await worker.disk.close();
  }

  #options(wanted: string, seed: Uint8Array): WorkerOptions {
    const { gpuLayers = -1, threads } = this.#model;
    return {
      identity: keyPairFromSeed(seed),
      seed,
      models: [wanted],
      networkPrefix: '',
      slots: 1,
      queueCapacity,
      drainMs: 0,
      sharesPrefix: false,
      schedule: undefined,
      maxConnections: 1,
      allow: [],
      deny: [],
      validators: { validators: 'seen' },
      modelMemoryBytes: Infinity,
      engine: { gpuLayers, threads: threads ?? usableCores() },
      cores: readProcessorTimes().cores,
      agent: 'qmesh',
    };
  }

  /** Serves only this client, and keeps nothing beyond the client's lifetime. */
  #ports(network: WorkerPorts['network'], disk: ModelDisk, refused: (reason: string) => void): WorkerPorts {
    return {
      clock: systemClock,
      random: systemRandom,
      log: this.#deps.log,
      network,
      engines: forkEngine(),
      modelFiles: disk,
      modelsPort: undefined,
      conductStore: noConductStore,
      ledger: undefined,
      onDhtReady: () => {},
      onDhtFailed: () => {},
      onModelRefused: (_place, reason) => refused(reason),
      standing: () => 'guest',
      wallTime: localWallTime,
      ownerWord: ownerWordInMemory(),
      control: { listen: (_answer, on) => (on.listening('none'), { close: () => {} }) },
      onStopAsked: () => {},
      sampleHealth: () => ({ cpu: 0, memory: 0, load: 0, busyShare: 0 }),
    };
  }
}
