/** A whole mesh in one process, from one seed: real workers and clients over a simulated network, engines and disk. */
import { Buffer } from 'node:buffer';
import type { AdminPort } from '../../../src/actors/admin.actor.js';
import type { NetworkPort } from '../../../src/actors/ports.js';
import type { ModelFiles } from '../../../src/actors/models/model-files.js';
import type { ControlRequest, Reply } from '../../../src/actors/control/messages.js';
import { noConductStore } from '../../../src/actors/conduct/conduct-file.js';
import { Ledger } from '../../../src/actors/scores/ledger.js';
import { ownerWordInMemory } from '../../../src/actors/home/owner-word.js';
import { AckPost, acksInMemory } from '../../../src/actors/wallet/ack-post.js';
import { ScoreLookup } from '../../../src/actors/wallet/score-lookup.js';
import { Wallet } from '../../../src/actors/wallet/wallet.js';
import { startWorker, type RunningWorker } from '../../../src/actors/worker/start-worker.js';
import type { MachineSample } from '../../../src/actors/worker/worker-ports.js';
import type { WorkSolver } from '../../../src/actors/ask/work-solver.js';
import type { AskAnswer } from '../../../src/actors/ask/answer.js';
import type { AskRequest } from '../../../src/actors/ask.actor.js';
import { startClientCore, type ClientCore, type ClientOptions } from '../../../src/client/core.js';
import type { AskFailure } from '../../../src/machines/ask.js';
import { createHello } from '../../../src/protocol/hello.js';
import type { QueueStatusMessage } from '../../../src/protocol/messages.js';
import { limits } from '../../../src/protocol/limits.js';
import { keyPairFromSeed, type KeyPair } from '../../../src/protocol/keys.js';
import { topicName } from '../../../src/protocol/topics.js';
import { findNonce } from '../../../src/protocol/work.js';
import { tierForOffer } from '../../../src/rules/standing.js';
import type { Tier } from '../../../src/rules/tiers.js';
import { traceHash, type TraceHash } from '../../../src/runtime/inspection.js';
import { localWallTime, type Clock } from '../../../src/runtime/clock.js';
import { nullLogger } from '../../../src/runtime/log.js';
import { seededRandom, type Random } from '../../../src/runtime/random.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import type { AnyActorRef } from 'xstate';
import { crash as crashActor } from '../../support/crash.js';
import { FreezableClock } from './freezable-clock.js';
import { MemoryScoreStore, ScoreDisk } from './memory-score-store.js';
import { lying, messageOf, type Lie } from './lies.js';
import { SimEngines } from './sim-engine.js';
import { SimNetwork } from './sim-network.js';
import { tapped } from './tapped.js';

export interface SimWorker extends RunningWorker {
  readonly name: string;
  readonly id: string;
  readonly engines: SimEngines;
  /** Where its ledger is. */
  readonly disk: ScoreDisk;
  readonly clock: FreezableClock;
  /** How it deceives its clients, if it does. */
  readonly lie: Lie | undefined;
  /** What others use of its machine, from now on. */
  burden: MachineSample;
  /** What its owner says; no effect while nobody listens. */
  say(request: ControlRequest): void;
  /** Stops it and its engines where they stand, as SIGSTOP does, for so long. */
  freeze(forMs: number): void;
  /** Makes the actor of this name fail, if it is there. */
  crash(name: string): void;
}

export interface SimOrderer extends ClientCore {
  readonly account: string;
  readonly wallet: Wallet;
}

/** One request of a simulated client, and all that it heard. */
export interface SimRequest {
  readonly request: AskRequest;
  text: string;
  ends: number;
  readonly askedAtMs: number;
  endedAtMs: number | undefined;
  cancelled: boolean;
  answer: AskAnswer | undefined;
  failure: AskFailure | undefined;
  cancel: () => void;
}

export class World {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly random: Random;
  readonly network: SimNetwork;
  readonly workers: SimWorker[] = [];
  readonly clients: ClientCore[] = [];
  readonly escalations: unknown[] = [];
  /** Hears where each worker says that a request stands, before any lie. */
  onPosition: ((worker: SimWorker, peer: string, said: QueueStatusMessage) => void) | undefined;
  /** Proofs of work that clients made. */
  proofs = 0;
  /** Of accounts that order, in millipoints, as every worker sees them. */
  readonly balances = new Map<string, number>();
  /** Of each other client's account, as every worker sees it. */
  readonly #tiers = new Map<string, Tier>();
  /** What each worker has of the ledger, by its name: a worker that is started again finds it. */
  readonly #disks = new Map<string, ScoreDisk>();
  readonly #hash: TraceHash | undefined;
  #nodes = 0;
  #sleptMs = 0;

  /** @param traced whether what happens is hashed, which costs half of the speed. */
  constructor(
    readonly seed: number,
    traced = false,
  ) {
    this.random = seededRandom(seed);
    this.network = new SimNetwork(this.clock, this.#fork());
    this.#hash = traced ? traceHash(this.clock) : undefined;
  }

  startWorker(
    options: {
      slots?: number;
      queueCapacity?: number;
      name?: string;
      models?: readonly string[];
      /** How many of them fit into its memory. */
      room?: number;
      burden?: MachineSample;
      /** How many times slower than the fastest. */
      slowness?: number;
      lie?: Lie | undefined;
      admin?: AdminPort;
    } = {},
  ): SimWorker {
    const name = options.name ?? `worker-${++this.#nodes}`;
    const seed = seedOf(name);
    const identity = keyPairFromSeed(seed);
    const clock = new FreezableClock(this.clock);
    const disk = this.#diskOf(name);
    const ledger = new Ledger(new MemoryScoreStore(disk, clock), disk.checkpoint());
    const engines = new SimEngines(clock, this.#fork(), options.slowness);
    const random = this.#fork();
    const lieRandom = this.#fork();
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
        network: this.#mouth(this.network.port(name, clock), clock, options.lie, lieRandom, () => worker),
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
          this.#tiers.get(account) ??
          tierForOffer({ ...offer, balance: this.balances.get(account) ?? ledger.balanceOf(account) }),
        sampleHealth: () => worker.burden,
      },
      { inspect: this.#hash?.inspect },
    );
    tree.onEscalation((error) => this.escalations.push(error));
    const crash = (actor: string): void => {
      const ref = tree.system.get(actor) as AnyActorRef | undefined;
      if (ref?.getSnapshot().status === 'active') crashActor(ref, new Error(`crash of ${actor}`));
    };
    const freeze = (forMs: number): void => {
      if (clock.isFrozen) return;
      clock.freeze();
      this.clock.setTimeout(() => clock.thaw(), forMs);
    };
    const say = (request: ControlRequest): void => owner.ask?.(request, () => {});
    const { lie, burden = calm } = options;
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
      say,
      freeze,
      crash,
    };
    this.workers.push(worker);
    return worker;
  }

  /**
   * A client whose standing lets it ask as often as it likes, unless another one is asked for.
   * @param home whose identity it has: its own, or that of the worker of this name
   * @param spotChecks share of its answers that it has checked
   */
  startClient(tier: Tier = 'master', home?: string, spotChecks = 0): ClientCore {
    const name = `client-${++this.#nodes}`;
    const identity = keyPairFromSeed(seedOf(home ?? name));
    this.#tiers.set(identity.publicKeyHex, tier);
    return this.#client(name, identity, this.#fork(), undefined, [], spotChecks);
  }

  /**
   * A client that orders what it asks for. @param millipoints what it has, as all workers see it; undefined: what they have certified, which it looks up.
   * @param acks what an earlier process of it has left
   */
  startOrderer(
    millipoints: number | undefined,
    { name = `client-${++this.#nodes}`, acks = acksInMemory } = {},
  ): SimOrderer {
    const identity = keyPairFromSeed(seedOf(name));
    const { publicKeyHex: account } = identity;
    if (millipoints !== undefined) this.balances.set(account, millipoints);
    const random = this.#fork();
    const ambient = { clock: this.clock, random, log: nullLogger };
    const policy = { validators: 'seen' } as const;
    const lookup =
      millipoints === undefined ? new ScoreLookup({ ...ambient, identity, networkPrefix: '', policy }) : undefined;
    const wallet = new Wallet({
      ...ambient,
      identity,
      network: topicName('inference'),
      maxPrice: limits.maxPriceMillipoints,
      balance: (found) => found(this.balances.get(account) ?? lookup?.balanceOf(account)),
      post: new AckPost(acks, ambient),
    });
    wallet.refresh();
    return { ...this.#client(name, identity, random, wallet, lookup?.children), account, wallet };
  }

  #client(
    name: string,
    identity: KeyPair,
    random: Random,
    wallet: Wallet | undefined,
    scores: ClientOptions['scores'] = [],
    spotChecks = 0,
  ): ClientCore {
    const keySeed = random.bytes(32);
    const subject = { network: topicName('inference'), key: keyPairFromSeed(keySeed).publicKeyHex };
    const hello = createHello(subject, identity);
    const client = startClientCore(
      {
        clock: this.clock,
        random,
        log: nullLogger,
        network: this.network.port(name),
        networkPrefix: '',
        keySeed,
        hello,
        solver: this.#solver(),
        fallback: undefined,
        wallet,
        scores,
        spotChecks,
        maxConnections: 32,
        maxRequests: 64,
        onDhtReady: () => {},
        onDhtFailed: () => {},
      },
      { inspect: this.#hash?.inspect },
    );
    client.tree.onEscalation((error) => this.escalations.push(error));
    this.clients.push(client);
    return client;
  }

  ask(client: ClientCore, request: AskRequest): SimRequest {
    const record: SimRequest = {
      request,
      text: '',
      ends: 0,
      askedAtMs: this.#awakeMs(),
      endedAtMs: undefined,
      cancelled: false,
      answer: undefined,
      failure: undefined,
      cancel: () => {},
    };
    const cancel = client.ask(request, {
      text: (text) => {
        if (record.ends > 0) throw new Error('text after the end');
        record.text += text;
      },
      end: (answer, failure) => {
        record.ends++;
        record.endedAtMs = this.#awakeMs();
        record.answer = answer;
        record.failure = failure;
      },
    });
    if (cancel === undefined) throw new Error('the client refused the request');
    record.cancel = () => {
      record.cancelled = true;
      cancel();
    };
    return record;
  }

  /** All machines sleep for so long. */
  sleep(ms: number): void {
    this.#sleptMs += ms;
    this.clock.sleep(ms);
  }

  /** Everything that happened, as one hash: two runs of a seed are the same run. */
  trace(): string {
    return this.#hash?.digest() ?? '';
  }

  #diskOf(name: string): ScoreDisk {
    const known = this.#disks.get(name) ?? new ScoreDisk();
    this.#disks.set(name, known);
    return known;
  }

  #mouth(port: NetworkPort, clock: Clock, lie: Lie | undefined, random: Random, speaker: () => SimWorker): NetworkPort {
    return tapped(lie === undefined ? port : lying(port, lie, clock, random), (connection) => (frame) => {
      if (this.onPosition !== undefined && frame[typeAt] === startsQueueStatus)
        this.onPosition(speaker(), connection.remoteKey, messageOf(frame) as QueueStatusMessage);
      connection.write(frame);
    });
  }

  #solver(): WorkSolver {
    return {
      solve: (task, done) => {
        const timer = this.clock.setTimeout(() => {
          this.proofs++;
          done(findNonce(task, 0, 2 ** 26));
        }, workMs);
        return () => this.clock.clearTimeout(timer);
      },
    };
  }

  /** What deadlines are measured in. */
  #awakeMs(): number {
    return this.clock.monotonicMs() - this.#sleptMs;
  }

  #fork(): Random {
    return seededRandom(Math.floor(this.random.next() * 2 ** 32));
  }
}

/** Of a machine that others hardly use. */
export const calm: MachineSample = { cpu: 10, memory: 20, load: 10, busyShare: 0.1 };

/** Where the type of a message begins in its frame, as `encodeFrame` writes it: no other begins with the same letter. */
const typeAt = 4 + '{"v":2,"type":"'.length;
const startsQueueStatus = 'q'.charCodeAt(0);

/** What a proof takes a client of its own time. */
const workMs = 50;

const seedOf = (name: string): Uint8Array => Buffer.from(name.padEnd(32, '.').slice(0, 32));

function simModelFiles(clock: Clock): ModelFiles {
  const later = (act: () => void): (() => void) => {
    const timer = clock.setTimeout(act, 10);
    return () => clock.clearTimeout(timer);
  };
  return {
    locate: (wanted, on) => later(() => on.found(`/models/${wanted}.gguf`)),
    verify: (wanted, path, on) =>
      later(() =>
        on.verified(
          {
            name: wanted,
            sha256: Buffer.from(wanted).toString('hex').padEnd(64, '0').slice(0, 64),
            bytes: 1,
            path,
            contextSize: 4_096,
            memoryBytes: 1,
          },
          wanted.startsWith('foreign'),
        ),
      ),
    rememberProbe: () => {},
    noteFetched: () => {},
    discard: () => {},
  };
}
