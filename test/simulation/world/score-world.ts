/**
 * Score nodes without engines and requests: a worker's real peers, topic and consensus over a simulated network and
 * disk, cheap enough for thousands of seeds. Signatures are real; each is checked once for all nodes.
 */
import {
  consensus,
  scoreDeps,
  scoreKeySeedOf,
  scorePeers,
  scoreTopic,
  type ScoreDeps,
} from '../../../src/actors/score.tree.js';
import { createDhtActor } from '../../../src/actors/dht.actor.js';
import { Ledger } from '../../../src/actors/scores/ledger.js';
import { names } from '../../../src/actors/names.js';
import { checksHere } from '../../../src/actors/scores/checks.js';
import type { NetworkPort } from '../../../src/actors/ports.js';
import type { Claim } from '../../../src/protocol/signed-objects.js';
import type { ValidatorPolicy } from '../../../src/rules/quorum.js';
import { nullLogger } from '../../../src/runtime/log.js';
import { seededRandom, type Random } from '../../../src/runtime/random.js';
import { startTree, type Tree } from '../../../src/runtime/start-tree.js';
import { tell } from '../../../src/runtime/tell.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { account, network, noonMs } from '../../support/ledger-cases.js';
import './known-signatures.js';
import { MemoryScoreStore, ScoreDisk } from './memory-score-store.js';
import { SimNetwork } from './sim-network.js';

export interface ScoreNode {
  readonly name: string;
  readonly id: string;
  readonly disk: ScoreDisk;
  readonly role: 'worker' | 'client';
  tree: Tree;
  deps: ScoreDeps;
}

export interface ScoreNodeOptions {
  readonly policy?: ValidatorPolicy;
  readonly role?: 'worker' | 'client';
  /** What happens to its connections, if it is a liar. */
  readonly mouth?: (port: NetworkPort) => NetworkPort;
}

export class ScoreWorld {
  readonly clock = new VirtualClock(noonMs + 60_000);
  readonly random: Random;
  readonly network: SimNetwork;
  readonly nodes: ScoreNode[] = [];
  readonly escalations: unknown[] = [];
  /** Strikes, by node. */
  readonly faults = new Map<string, number>();

  constructor(
    readonly seed: number,
    readonly policy: ValidatorPolicy,
  ) {
    this.random = seededRandom(seed);
    this.network = new SimNetwork(this.clock, this.fork(), { latencyMs: [1, 40], cut: 0.05 });
  }

  start(name: string, options: ScoreNodeOptions = {}): ScoreNode {
    const disk = new ScoreDisk();
    const node = this.#run(name, disk, options);
    this.nodes.push(node);
    return node;
  }

  /** Its process is killed, and restarts on the same disk. */
  restart(node: ScoreNode, options: ScoreNodeOptions = {}): void {
    this.kill(node);
    const { tree, deps } = this.#run(node.name, node.disk, { role: node.role, ...options });
    node.tree = tree;
    node.deps = deps;
  }

  kill(node: ScoreNode): void {
    this.network.kill(node.name);
    node.deps.ledger.close(() => {});
    node.tree.root.stop();
  }

  claim(node: ScoreNode, claim: Claim): void {
    tell(node.tree.system, names.consensus, { type: 'claim.made', claim });
  }

  /** All accounts the node knows, and their balances: two honest nodes must agree on these. */
  balances(node: ScoreNode): string {
    const { ledger } = node.deps;
    return JSON.stringify([...ledger.accounts()].sort().map((each) => [each, ledger.stateOf(each)]));
  }

  fork(): Random {
    return seededRandom(Math.floor(this.random.next() * 2 ** 32));
  }

  #run(
    name: string,
    disk: ScoreDisk,
    { policy = this.policy, role = 'worker', mouth = (port) => port }: ScoreNodeOptions,
  ): ScoreNode {
    const { clock } = this;
    const identity = account(name);
    const seed = Buffer.from(name.padEnd(32, '.').slice(0, 32));
    const scoreKeySeed = role === 'worker' ? scoreKeySeedOf(seed, '') : this.fork().bytes(32);
    const random = this.fork();
    const deps = scoreDeps({
      clock,
      random,
      log: nullLogger,
      identity,
      ledger: new Ledger(new MemoryScoreStore(disk, clock), disk.checkpoint()),
      policy,
      networkPrefix: '',
      maxConnections: 32,
      scoreRole: role,
      scoreKeySeed,
      checks: checksHere(network),
      conduct: {
        isBanned: () => false,
        strike: (node) => void this.faults.set(node, (this.faults.get(node) ?? 0) + 1),
      },
    });
    const tree = startTree(
      {
        id: 'root',
        strategy: 'one-for-one',
        children: [
          consensus(deps),
          {
            id: names.networks,
            strategy: 'rest-for-one',
            children: [
              {
                id: names.dht,
                logic: createDhtActor({
                  network: mouth(this.network.port(name)),
                  topics: [names.topic('scores')],
                  log: nullLogger,
                }),
              },
              scorePeers(deps),
              scoreTopic(deps),
            ],
          },
        ],
      },
      { clock, random, onEvent: (event) => event.type === 'child.failed' && this.escalations.push(event.error) },
      {},
    );
    tree.onEscalation((error) => this.escalations.push(error));
    return { name, id: identity.publicKeyHex, disk, role, tree, deps };
  }
}
