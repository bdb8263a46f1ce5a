/** A real worker in a simulated world: its network, engines, disk, owner and machine are played. */
import type { AnyActorRef } from 'xstate';
import type { AdminPort } from '../../../src/actors/admin.actor.js';
import { noConductStore } from '../../../src/actors/conduct/conduct-file.js';
import type { ControlRequest, Reply } from '../../../src/actors/control/messages.js';
import { ownerWordInMemory } from '../../../src/actors/home/owner-word.js';
import { Ledger } from '../../../src/actors/scores/ledger.js';
import { startWorker, type RunningWorker } from '../../../src/actors/worker/start-worker.js';
import type { MachineSample } from '../../../src/actors/worker/worker-ports.js';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import type { QueueStatusMessage } from '../../../src/protocol/messages.js';
import { tierForOffer } from '../../../src/rules/standing.js';
import type { Tier } from '../../../src/rules/tiers.js';
import { localWallTime } from '../../../src/runtime/clock.js';
import { nullLogger } from '../../../src/runtime/log.js';
import type { TreeOptions } from '../../../src/runtime/start-tree.js';
import type { Random } from '../../../src/runtime/random.js';
import type { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { crash as crashActor } from '../../support/crash.js';
import { FreezableClock } from './freezable-clock.js';
import { lying, messageOf, type Lie } from './lies.js';
import { MemoryScoreStore, type ScoreDisk } from './memory-score-store.js';
import { SimEngines } from './sim-engine.js';
import { simModelFiles } from './sim-model-files.js';
import type { SimNetwork } from './sim-network.js';
import { tapped } from './tapped.js';

export interface SimWorker extends RunningWorker {
  readonly name: string;
  readonly id: string;
  readonly engines: SimEngines;
  /** Holds its ledger. */
  readonly disk: ScoreDisk;
  readonly clock: FreezableClock;
  /** How it deceives its clients, if it does. */
  readonly lie: Lie | undefined;
  /** What other programs use of its machine; may be changed at any time. */
  burden: MachineSample;
  /** Sends a command of its owner; no effect while nobody listens. */
  say(request: ControlRequest): void;
  /** Stops it and its engines for this long, as SIGSTOP does. */
  freeze(forMs: number): void;
  /** Crashes the actor of this name, if it is up. */
  crash(name: string): void;
}

export interface SimWorkerOptions {
  readonly slots?: number;
  readonly queueCapacity?: number;
  readonly models?: readonly string[];
  /** How many of them fit into its memory. */
  readonly room?: number;
  readonly burden?: MachineSample;
  /** How many times slower than the fastest. */
  readonly slowness?: number;
  readonly lie?: Lie | undefined;
  readonly admin?: AdminPort;
}

export type PositionListener = (worker: SimWorker, peer: string, said: QueueStatusMessage) => void;

/** What a worker needs of its world. */
export interface WorkerSurroundings {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly treeOptions: TreeOptions;
  fork(): Random;
  /** The tier of a client that does not pay, as every worker sees it. */
  tierOf(account: string): Tier | undefined;
  /** The millipoints that every worker sees; undefined: those in its own ledger. */
  balanceOf(account: string): number | undefined;
  /** Whoever wants to know every position a worker reports, before any lie. */
  positionListener(): PositionListener | undefined;
}

/** A machine that other programs hardly use. */
export const calm: MachineSample = { cpu: 10, memory: 20, load: 10, busyShare: 0.1 };

export function startSimWorker(
  around: WorkerSurroundings,
  { name, seed, disk }: { readonly name: string; readonly seed: Uint8Array; readonly disk: ScoreDisk },
  options: SimWorkerOptions,
): SimWorker {
  const identity = keyPairFromSeed(seed);
  const clock = new FreezableClock(around.clock);
  const ledger = new Ledger(new MemoryScoreStore(disk, clock), disk.checkpoint());
  const engines = new SimEngines(clock, around.fork(), options.slowness);
  const random = around.fork();
  const lieRandom = around.fork();
  const { lie, burden = calm } = options;
  const port = around.network.port(name, clock);
  const mouth = lie === undefined ? port : lying(port, lie, clock, lieRandom);
  const network = tapped(mouth, (connection) => (frame) => {
    if (frame[typeAt] === startsQueueStatus)
      around.positionListener()?.(worker, connection.remoteKey, messageOf(frame) as QueueStatusMessage);
    connection.write(frame);
  });
  const owner: { ask?: ((request: ControlRequest, reply: Reply) => void) | undefined } = {};
  const { tree, deps } = startWorker(
    {
      identity,
      seed,
      models: options.models ?? ['counter'],
      networkPrefix: '',
      slots: options.slots ?? 2,
      queueCapacity: options.queueCapacity ?? 20,
      drainMs: 5_000,
      sharesPrefix: false,
      schedule: undefined,
      maxConnections: 32,
      allow: [],
      deny: [],
      validators: { validators: 'seen' },
      modelMemoryBytes: options.room ?? Infinity,
      engine: { gpuLayers: 0 },
      cores: 2,
      agent: 'simulated',
    },
    {
      clock,
      random,
      log: nullLogger,
      network,
      engines,
      modelFiles: simModelFiles(clock),
      modelsPort: undefined,
      conductStore: noConductStore,
      ledger,
      onDhtReady: () => {},
      onDhtFailed: () => {},
      onModelRefused: () => {},
      wallTime: localWallTime,
      ownerWord: ownerWordInMemory(),
      admin: options.admin,
      control: {
        listen(answer, on) {
          owner.ask = answer;
          on.listening('control.sock');
          return { close: () => (owner.ask = undefined) };
        },
      },
      onStopAsked: () => {},
      standing: (account, offer) =>
        around.tierOf(account) ??
        tierForOffer({ ...offer, balance: around.balanceOf(account) ?? ledger.balanceOf(account) }),
      sampleHealth: () => worker.burden,
    },
    around.treeOptions,
  );
  const worker: SimWorker = {
    name,
    id: identity.publicKeyHex,
    tree,
    deps,
    engines,
    disk,
    clock,
    lie,
    burden,
    say: (request) => owner.ask?.(request, () => {}),
    freeze(forMs) {
      if (clock.isFrozen) return;
      clock.freeze();
      around.clock.setTimeout(() => clock.thaw(), forMs);
    },
    crash(actor) {
      const ref = tree.system.get(actor) as AnyActorRef | undefined;
      if (ref?.getSnapshot().status === 'active') crashActor(ref, new Error(`crash of ${actor}`));
    },
  };
  return worker;
}

/** Where the type of a message begins in its frame, as `encodeFrame` writes it. Only one type begins with `q`. */
const typeAt = 4 + '{"v":2,"type":"'.length;
const startsQueueStatus = 'q'.charCodeAt(0);
