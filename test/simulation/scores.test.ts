import { expect, it } from 'vitest';
import { account, claimWith } from '../support/ledger-cases.js';
import { ScoreWorld } from './world/score-world.js';

it('smoke', () => {
  const names = ['v1', 'v2', 'v3', 'v4'];
  const world = new ScoreWorld(1, { validators: names.map((n) => account(n).publicKeyHex), threshold: 3 });
  const nodes = names.map((n) => world.start(n));
  world.clock.advance(5_000);
  expect(nodes.map(({ deps }) => deps.scorePeers.size)).toEqual([3, 3, 3, 3]);
  for (let i = 0; i < 10; i++)
    world.claim(nodes[i % 4]!, claimWith({ worker: account(names[i % 4]!), order: { id: `r${i}` } }));
  world.clock.advance(4_000);
  expect(world.escalations).toEqual([]);
  expect(nodes.map(({ deps }) => deps.ledger.counted.size)).toEqual([10, 10, 10, 10]);
  expect(new Set(nodes.map((n) => world.balances(n))).size).toBe(1);
});
