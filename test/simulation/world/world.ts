/** A whole mesh in one process, from one seed: real workers and clients over a simulated network, with simulated engines and disks. */
import { Buffer } from 'node:buffer';
import type { AskRequest } from '../../../src/actors/ask.actor.js';
import { acksInMemory } from '../../../src/actors/wallet/ack-post.js';
import type { ClientCore } from '../../../src/client/core.js';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import type { Tier } from '../../../src/rules/tiers.js';
import { traceHash, type TraceHash } from '../../../src/runtime/inspection.js';
import { seededRandom, type Random } from '../../../src/runtime/random.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { ScoreDisk } from './memory-score-store.js';
import {
  recordedAsk,
  startSimClient,
  startSimOrderer,
  type ClientSurroundings,
  type SimOrderer,
  type SimRequest,
} from './sim-client.js';
import { SimNetwork } from './sim-network.js';
import {
  startSimWorker,
  type PositionListener,
  type SimWorker,
  type SimWorkerOptions,
  type WorkerSurroundings,
} from './sim-worker.js';

export class World {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly random: Random;
  readonly network: SimNetwork;
  readonly workers: SimWorker[] = [];
  readonly clients: ClientCore[] = [];
  readonly escalations: unknown[] = [];
  /** Called with every position that a worker reports, before any lie. */
  onPosition: PositionListener | undefined;
  /** Proofs of work made by clients. */
  proofs = 0;
  /** Of accounts that order, in millipoints, as every worker sees them. */
  readonly balances = new Map<string, number>();
  /** Of every other client's account, as every worker sees it. */
  readonly #tiers = new Map<string, Tier>();
  /** Each worker's ledger, by the worker's name: a restarted worker finds its own. */
  readonly #disks = new Map<string, ScoreDisk>();
  readonly #hash: TraceHash | undefined;
  readonly #surroundings: WorkerSurroundings & ClientSurroundings;
  #nodes = 0;
  #sleptMs = 0;

  /** @param traced whether to hash everything that happens, which halves the speed */
  constructor(
    readonly seed: number,
    traced = false,
  ) {
    this.random = seededRandom(seed);
    this.network = new SimNetwork(this.clock, this.#fork());
    this.#hash = traced ? traceHash(this.clock) : undefined;
    this.#surroundings = {
      clock: this.clock,
      network: this.network,
      treeOptions: { inspect: this.#hash?.inspect },
      fork: () => this.#fork(),
      tierOf: (account) => this.#tiers.get(account),
      balanceOf: (account) => this.balances.get(account),
      positionListener: () => this.onPosition,
      proved: () => {
        this.proofs++;
      },
    };
  }

  startWorker({ name = `worker-${++this.#nodes}`, ...options }: SimWorkerOptions & { name?: string } = {}): SimWorker {
    const disk = this.#disks.get(name) ?? new ScoreDisk();
    this.#disks.set(name, disk);
    const worker = startSimWorker(this.#surroundings, { name, seed: seedOf(name), disk }, options);
    worker.tree.onEscalation((error) => this.escalations.push(error));
    this.workers.push(worker);
    return worker;
  }

  /**
   * A client that by default may ask as often as it likes.
   * @param home the worker whose identity it shares; by default it has its own
   * @param spotChecks share of its answers that it has checked
   */
  startClient(tier: Tier = 'master', home?: string, spotChecks = 0): ClientCore {
    const name = `client-${++this.#nodes}`;
    const identity = keyPairFromSeed(seedOf(home ?? name));
    this.#tiers.set(identity.publicKeyHex, tier);
    return this.#joined(startSimClient(this.#surroundings, { name, identity, random: this.#fork(), spotChecks }));
  }

  /**
   * A client that orders what it asks for.
   * @param millipoints its balance, as all workers see it; undefined: what they have certified, which it looks up
   * @param acks left by an earlier process of this client
   */
  startOrderer(
    millipoints: number | undefined,
    { name = `client-${++this.#nodes}`, acks = acksInMemory } = {},
  ): SimOrderer {
    const identity = keyPairFromSeed(seedOf(name));
    const { publicKeyHex: account } = identity;
    if (millipoints !== undefined) this.balances.set(account, millipoints);
    const balanceOf = millipoints === undefined ? undefined : () => this.balances.get(account);
    return this.#joined(startSimOrderer(this.#surroundings, { name, identity, random: this.#fork() }, balanceOf, acks));
  }

  ask(client: ClientCore, request: AskRequest): SimRequest {
    return recordedAsk(client, request, () => this.clock.monotonicMs() - this.#sleptMs);
  }

  /** All machines sleep for this long. */
  sleep(ms: number): void {
    this.#sleptMs += ms;
    this.clock.sleep(ms);
  }

  /** Everything that happened, as one hash: two runs of one seed are equal. */
  trace(): string {
    return this.#hash?.digest() ?? '';
  }

  #joined<Client extends ClientCore>(client: Client): Client {
    client.tree.onEscalation((error) => this.escalations.push(error));
    this.clients.push(client);
    return client;
  }

  #fork(): Random {
    return seededRandom(Math.floor(this.random.next() * 2 ** 32));
  }
}

const seedOf = (name: string): Uint8Array => Buffer.from(name.padEnd(32, '.').slice(0, 32));
