/**
 * The score network with fewer than a third of its named validators lying in every possible way, clients that spend and
 * ack twice, partitions, and nodes that are killed and return. Peers, consensus and signatures are real; only network,
 * disk and clock are simulated.
 */
import { describe, expect, it } from 'vitest';
import { objectHash } from '../../src/protocol/signed-objects.js';
import { examine } from '../../src/rules/claim.js';
import { isCertified } from '../../src/rules/quorum.js';
import { network } from '../support/ledger-cases.js';
import { isSoak } from '../support/soak.js';
import { incomeMillipoints, playScores, spender, type ScoreCourse } from './world/score-course.js';

const seeds = isSoak ? 100_000 : 80;
/** Enough seeds to include one that goes wrong. */
const beyond = isSoak ? 1_000 : 12;
/**
 * Seeds that failed once: a node was killed before its claim was on disk, and the course expected it to be paid; a
 * course ended before its last claim was on disk; an honest node was blamed for a frame that a partition had cut off.
 */
const pinned = [7_000_043, 7_051_628, 7_051_624];
const first = Number(process.env.QMESH_SEED ?? 1);

function check({ world, honest, signed, due }: ScoreCourse): void {
  expect(world.escalations).toEqual([]);
  for (const { disk, deps } of honest) {
    const { quorum } = deps.validators;
    const orders = new Set<string>();
    for (const [hash, certificate] of disk.certificates) {
      expect(signed.has(hash)).toBe(true); // nothing forged or altered
      expect(hash).toBe(objectHash('receipt', certificate.receipt));
      expect(examine(certificate, network).kind).toBe('sound');
      expect(isCertified(certificate, quorum)).toBe(true);
      expect(orders.has(certificate.receipt.order)).toBe(false); // no two of one order
      orders.add(certificate.receipt.order);
    }
    for (const hash of due) expect(deps.ledger.counted.has(hash)).toBe(true); // honest work is paid
    expect(honest.some(({ id }) => world.faults.has(id))).toBe(false); // and no honest node is blamed
  }
  const [one, ...others] = honest;
  for (const other of others) {
    expect(other.deps.ledger.counted.digest('')).toBe(one!.deps.ledger.counted.digest(''));
    expect(world.balances(other)).toBe(world.balances(one!));
  }
  const { ledger } = one!.deps;
  const states = [...ledger.accounts()].map((id) => ledger.stateOf(id)!);
  const sum = (of: (state: (typeof states)[number]) => number): number =>
    states.reduce((all, state) => all + of(state), 0);
  expect(sum(({ balance }) => balance)).toBe(sum(({ minted, awarded }) => minted + awarded)); // points move, and are not made
  expect(ledger.stateOf(spender.publicKeyHex)?.spent ?? 0).toBeLessThan(2 * incomeMillipoints);
}

const each = (act: (seed: number) => void, count = seeds): void => {
  for (let seed = first; seed < first + count; seed++) {
    try {
      act(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: replay it with QMESH_SEED=${seed}`, { cause: error });
    }
  }
};

describe('if fewer than a third of the validators lie', () => {
  it('nothing forged counts, nothing counts twice, honest nodes agree to the bit, and honest work is paid', () => {
    each((seed) => check(playScores(seed)));
    for (const seed of pinned) check(playScores(seed));
  });
});

describe('with one liar more', () => {
  it('two receipts of one order get certified, but all honest nodes still hold the same set', () => {
    let doubled = 0;
    each((seed) => {
      const { honest } = playScores(seed, 1);
      const orders = honest.map(({ disk }) => [...disk.certificates.values()].map(({ receipt }) => receipt.order));
      if (orders.some((all) => new Set(all).size < all.length)) doubled++;
      const [one, ...others] = honest.map(({ deps }) => deps.ledger.counted.digest(''));
      for (const other of others) expect(other).toBe(one);
    }, beyond);
    expect(doubled).toBeGreaterThan(0);
  });
});
