/**
 * Score nodes among themselves: one that is late, alone, restarted or cut off arrives at the same points as all others.
 */
import { describe, expect, it } from 'vitest';
import { ScoreLookup } from '../../src/actors/wallet/score-lookup.js';
import { createDhtActor } from '../../src/actors/dht.actor.js';
import { names as actorNames } from '../../src/actors/names.js';
import { maxPending } from '../../src/actors/scores/pending-claims.js';
import { objectHash, type Claim } from '../../src/protocol/signed-objects.js';
import { leastThreshold, type ValidatorPolicy } from '../../src/rules/quorum.js';
import { nullLogger } from '../../src/runtime/log.js';
import { startTree } from '../../src/runtime/start-tree.js';
import { account, claimWith } from '../support/ledger-cases.js';
import { ScoreWorld, type ScoreNode } from './world/score-world.js';

const names = ['v1', 'v2', 'v3', 'v4'];
const named: ValidatorPolicy = {
  validators: names.map((name) => account(name).publicKeyHex),
  threshold: leastThreshold(names.length),
};
const seen: ValidatorPolicy = { validators: 'seen' };

const claimOf = (worker: string, n: number): Claim => claimWith({ worker: account(worker), order: { id: `r${n}` } });
const hashOf = ({ receipt }: Claim): string => objectHash('receipt', receipt);

/** Kept first, as on the request path. */
function put(world: ScoreWorld, node: ScoreNode, claim: Claim): void {
  node.deps.ledger.write([{ kind: 'claim', hash: hashOf(claim), claim }], () => world.claim(node, claim));
}
const counted = (nodes: readonly ScoreNode[]): number[] => nodes.map(({ deps }) => deps.ledger.counted.size);
const agree = (world: ScoreWorld, nodes: readonly ScoreNode[]): void => {
  expect(world.escalations).toEqual([]);
  expect(new Set(nodes.map((node) => world.balances(node))).size).toBe(1);
};

describe('named validators', () => {
  it('certify each one’s work within seconds, on all of them', () => {
    const world = new ScoreWorld(1, named);
    const nodes = names.map((name) => world.start(name));
    world.clock.advance(3_000);
    for (let n = 0; n < 20; n++) put(world, nodes[n % 4]!, claimOf(names[n % 4]!, n));
    world.clock.advance(3_000);
    expect(counted(nodes)).toEqual([20, 20, 20, 20]);
    agree(world, nodes);
    expect(world.faults.size).toBe(0);
  });

  it('go on while one of them is away, and it catches up when it is back', () => {
    const world = new ScoreWorld(2, named);
    const nodes = names.map((name) => world.start(name));
    world.clock.advance(3_000);
    world.kill(nodes[3]!);
    for (let n = 0; n < 300; n++) put(world, nodes[n % 3]!, claimOf(names[n % 3]!, n));
    world.clock.advance(20_000);
    expect(counted(nodes.slice(0, 3))).toEqual([300, 300, 300]);
    world.restart(nodes[3]!);
    world.clock.advance(20_000);
    expect(counted(nodes)).toEqual([300, 300, 300, 300]);
    agree(world, nodes);
  });

  it('attest nothing twice and lose nothing if all are killed midway', () => {
    const world = new ScoreWorld(3, named);
    const nodes = names.map((name) => world.start(name));
    world.clock.advance(3_000);
    for (let n = 0; n < 12; n++) put(world, nodes[n % 4]!, claimOf(names[n % 4]!, n));
    world.clock.advance(23); // on the disks, and some of it on its way
    for (const node of nodes) world.restart(node);
    world.clock.advance(20_000);
    expect(counted(nodes)).toEqual([12, 12, 12, 12]);
    agree(world, nodes);
  });

  it('count nothing that only one half of a split mesh can see, until the halves reconnect', () => {
    const world = new ScoreWorld(4, named);
    const nodes = names.map((name) => world.start(name));
    world.clock.advance(3_000);
    for (const left of names.slice(0, 2)) for (const right of names.slice(2)) world.network.partition(left, right);
    for (let n = 0; n < 8; n++) put(world, nodes[n % 4]!, claimOf(names[n % 4]!, n));
    world.clock.advance(30_000);
    expect(counted(nodes)).toEqual([0, 0, 0, 0]);
    world.network.heal();
    world.clock.advance(60_000);
    expect(counted(nodes)).toEqual([8, 8, 8, 8]);
    agree(world, nodes);
  });

  it('get attestations through a validator between them within seconds where not all are connected', () => {
    const world = new ScoreWorld(1, named);
    for (const far of names.slice(2)) world.network.partition('v1', far);
    const nodes = names.map((name) => world.start(name));
    world.clock.advance(10_000);
    put(world, nodes[0]!, claimOf('v1', 0));
    world.clock.advance(8_000);
    expect(counted(nodes)).toEqual([1, 1, 1, 1]);
    agree(world, nodes);
  });

  it('get everything they are owed, even if it is more than is gathered at a time', () => {
    const world = new ScoreWorld(8, named);
    const nodes = names.map((name) => world.start(name));
    const [first] = nodes;
    const open = maxPending + 100;
    for (let n = 0; n < open; n++) first!.disk.claims.set(hashOf(claimOf('v1', n)), claimOf('v1', n));
    world.restart(first!);
    world.clock.advance(150_000);
    expect(counted(nodes)).toEqual(Array(4).fill(open));
    agree(world, nodes);
  });

  it('ban a worker that signs two receipts for one order, everywhere', () => {
    const world = new ScoreWorld(5, named);
    const nodes = names.map((name) => world.start(name));
    world.clock.advance(3_000);
    put(world, nodes[0]!, claimOf('v1', 1));
    put(world, nodes[1]!, claimWith({ worker: account('v1'), order: { id: 'r1' }, receipt: { responseMs: 900 } }));
    world.clock.advance(5_000);
    for (const { deps } of nodes) expect(deps.bans.has(account('v1').publicKeyHex)).toBe(true);
    world.restart(nodes[2]!);
    world.clock.advance(1_000);
    expect(nodes[2]!.deps.bans.has(account('v1').publicKeyHex)).toBe(true);
  });
});

describe('without named validators', () => {
  it('a lone worker certifies its own work, and others attest it once they have been there for a minute', () => {
    const world = new ScoreWorld(6, seen);
    const first = world.start('first');
    for (let n = 0; n < 5; n++) put(world, first, claimOf('first', n));
    world.clock.advance(3_000);
    expect([...first.disk.certificates.values()].map(({ isSolo }) => isSolo)).toEqual(Array(5).fill(true));
    const second = world.start('second');
    world.clock.advance(200_000);
    expect(counted([first, second])).toEqual([5, 5]);
    for (const { disk } of [first, second])
      for (const { isSolo, attestations } of disk.certificates.values()) {
        expect(isSolo).toBe(false);
        expect(attestations).toHaveLength(2);
      }
    agree(world, [first, second]);
  });

  it('whoever attests nothing, as a client that looks up without saying so, keeps nobody from certifying', () => {
    const world = new ScoreWorld(8, seen);
    const worker = world.start('worker');
    const mute = world.start('mute', { policy: { validators: [account('nobody').publicKeyHex], threshold: 1 } });
    world.clock.advance(63_000);
    put(world, worker, claimOf('worker', 0));
    world.clock.advance(5_000);
    expect(counted([worker])).toEqual([0]); // it may be a worker that has not answered yet
    world.clock.advance(10_000);
    expect(counted([worker])).toEqual([1]);
    put(world, worker, claimOf('worker', 1));
    world.clock.advance(1_000);
    expect(counted([worker])).toEqual([2]);
    world.restart(mute, { policy: seen }); // now it does
    world.clock.advance(200_000);
    expect([...worker.disk.certificates.values()].map(({ attestations }) => attestations.length)).toEqual([2, 2]);
    agree(world, [worker, mute]);
  });
});

describe('a client that only looks up', () => {
  it('arrives at the workers’ balances, and changes nothing for them', () => {
    const world = new ScoreWorld(7, named);
    const nodes = names.map((name) => world.start(name));
    world.clock.advance(3_000);
    for (let n = 0; n < 40; n++) put(world, nodes[n % 4]!, claimOf(names[n % 4]!, n));
    world.clock.advance(3_000);
    const { clock } = world;
    const lookup = new ScoreLookup({
      clock,
      random: world.fork(),
      log: nullLogger,
      identity: account('somebody'),
      networkPrefix: '',
      policy: named,
    });
    const network = world.network.port('a program');
    const dht = createDhtActor({ network, topics: [actorNames.topic('scores')], log: nullLogger });
    const tree = startTree(
      { id: 'root', strategy: 'rest-for-one', children: [{ id: actorNames.dht, logic: dht }, ...lookup.children] },
      { clock, random: world.fork() },
    );
    let workers: number | undefined;
    lookup.whenInStep(20_000, (met) => (workers = met));
    clock.advance(20_000);
    expect(workers).toBe(4);
    expect(lookup.balanceOf(account('v1').publicKeyHex)).toBe(
      nodes[0]!.deps.ledger.balanceOf(account('v1').publicKeyHex),
    );
    expect(lookup.balanceOf(account('v1').publicKeyHex)).toBeGreaterThan(0);
    put(world, nodes[0]!, claimOf('v1', 100));
    clock.advance(5_000);
    expect(lookup.ledger.counted.size).toBe(41);
    tree.root.stop();
    agree(world, nodes);
  });
});
