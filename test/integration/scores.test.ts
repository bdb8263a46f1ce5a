/** The score network over a real DHT on loopback, with stores on a real disk: what a simulation cannot say. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createDhtActor } from '../../src/actors/dht.actor.js';
import { createHyperswarmNetwork } from '../../src/actors/network/hyperswarm-network.js';
import { openLedger } from '../../src/actors/scores/ledger.js';
import { names } from '../../src/actors/names.js';
import { ScoreLookup } from '../../src/actors/wallet/score-lookup.js';
import { openScoreStore } from '../../src/actors/scores/score-store.js';
import {
  consensus,
  scoreDeps,
  scoreKeySeedOf,
  scorePeers,
  scoreTopic,
  type ScoreDeps,
} from '../../src/actors/score.tree.js';
import { checksHere } from '../../src/actors/scores/checks.js';
import { objectHash } from '../../src/protocol/signed-objects.js';
import { leastThreshold, type ValidatorPolicy } from '../../src/rules/quorum.js';
import { systemClock } from '../../src/runtime/clock.js';
import { nullLogger } from '../../src/runtime/log.js';
import { systemRandom } from '../../src/runtime/random.js';
import { startTree, type Tree } from '../../src/runtime/start-tree.js';
import type { ChildSpec } from '../../src/runtime/supervision.js';
import { tell } from '../../src/runtime/tell.js';
import { account, claimWith, network } from '../support/ledger-cases.js';
import { until } from '../support/real-network.js';
import { startTestnet, type Testnet } from '../support/worker-process.js';

const workers = ['w1', 'w2', 'w3', 'w4'];
const policy: ValidatorPolicy = {
  validators: workers.map((name) => account(name).publicKeyHex),
  threshold: leastThreshold(workers.length),
};
const ambient = { clock: systemClock, random: systemRandom, log: nullLogger };

interface Node {
  readonly name: string;
  readonly tree: Tree;
  readonly deps: ScoreDeps;
}
const releases: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

async function start(name: string, testnet: Testnet): Promise<Node> {
  const folder = await mkdtemp(join(tmpdir(), 'qmesh-scores-'));
  releases.push(() => rm(folder, { recursive: true, force: true }));
  const ledger = await openLedger(await openScoreStore(folder));
  releases.push(() => new Promise<void>((closed) => ledger.close(() => closed())));
  const deps = scoreDeps({
    ...ambient,
    identity: account(name),
    ledger,
    policy,
    networkPrefix: '',
    maxConnections: 16,
    scoreRole: 'worker',
    scoreKeySeed: scoreKeySeedOf(Buffer.from(name.padEnd(32, '.')), ''),
    checks: checksHere(network),
  });
  const tree = startOn(testnet, [consensus(deps), scorePeers(deps), scoreTopic(deps)]);
  return { name, tree, deps };
}

/** A tree of these below a DHT node of its own. */
function startOn(testnet: Testnet, children: readonly ChildSpec[]): Tree {
  const bootstrap = { kind: 'nodes', nodes: testnet.nodes } as const;
  const network = createHyperswarmNetwork({ ...ambient, bootstrap, host: '127.0.0.1' });
  const dht = createDhtActor({ network, topics: [names.topic('scores')], log: nullLogger });
  const tree = startTree(
    {
      id: 'root',
      strategy: 'rest-for-one',
      children: [{ id: names.dht, logic: dht, shutdownMs: 3_000 }, ...children],
    },
    ambient,
  );
  releases.push(() => new Promise<void>((stopped) => tree.stop(stopped)));
  return tree;
}

const balances = ({ deps: { ledger } }: Node): string =>
  JSON.stringify([...ledger.accounts()].sort().map((each) => [each, ledger.stateOf(each)]));

it('four workers hold the same certificates within five seconds, and a program that looks up comes to their balances', async () => {
  const testnet = await startTestnet();
  releases.push(() => testnet.destroy());
  const nodes = await Promise.all(workers.map((name) => start(name, testnet)));
  await until(() => nodes.every(({ deps }) => deps.scorePeers.workers().size === 3), 'each has met the three others');

  const now = Date.now();
  const claims = Array.from({ length: 60 }, (_, n) =>
    claimWith({
      worker: account(workers[n % 4]!),
      client: account(`client ${n % 2}`),
      order: { id: `r${n}`, at: now - 2_000, expiresAt: now + 60_000 },
      receipt: { finishedAt: now },
      ack: { at: now + 20 },
    }),
  );
  for (const [n, claim] of claims.entries()) {
    const { tree, deps } = nodes[n % 4]!;
    const hash = objectHash('receipt', claim.receipt);
    deps.ledger.write([{ kind: 'claim', hash, claim }], () =>
      tell(tree.system, names.consensus, { type: 'claim.made', claim }),
    );
  }
  await until(() => nodes.every(({ deps }) => deps.ledger.counted.size === 60), 'all are counted by all', 5_000);
  expect(new Set(nodes.map(balances)).size).toBe(1);

  const lookup = new ScoreLookup({ ...ambient, identity: account('somebody'), networkPrefix: '', policy });
  startOn(testnet, lookup.children);
  const met = await new Promise<number>((ready) => lookup.whenInStep(15_000, ready));
  expect(met).toBeGreaterThan(0);
  const { publicKeyHex } = account('w1');
  expect(lookup.ledger.counted.size).toBe(60);
  expect(lookup.balanceOf(publicKeyHex)).toBe(nodes[0]!.deps.ledger.balanceOf(publicKeyHex));
}, 60_000);
