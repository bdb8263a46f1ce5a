import { describe, expect, it, test } from 'vitest';
import { isCertified, isSolo, leastThreshold, policyProblem, quorumOf } from '../../../src/rules/quorum.js';
import { account, attest, claimWith } from '../../support/ledger-cases.js';

const validators = ['v1', 'v2', 'v3', 'v4'].map(account);
const ids = validators.map(({ publicKeyHex }) => publicKeyHex);
const policy = { validators: ids, threshold: 3 };
const claim = claimWith();
const quorum = quorumOf(policy, []);
const good = validators.map((validator) => attest(claim.receipt, validator));

describe('a certificate', () => {
  it('takes the threshold of different validators, and no fewer', () => {
    expect(isCertified({ ...claim, attestations: good.slice(0, 3) }, quorum)).toBe(true);
    expect(isCertified({ ...claim, attestations: good.slice(0, 2) }, quorum)).toBe(false);
    expect(isCertified({ ...claim, attestations: good.slice(0, 2).flatMap((one) => [one, one]) }, quorum)).toBe(false);
  });

  it.each([
    ['of a stranger', attest(claim.receipt, account('stranger'))],
    ['with another verdict', attest(claim.receipt, validators[2]!, 'overdrawn')],
    ['for another receipt', attest(claimWith({ order: { id: 'r2' } }).receipt, validators[2]!)],
    ['signed by somebody else', { ...good[2]!, signature: good[1]!.signature }],
    ['changed afterwards', { ...good[2]!, at: good[2]!.at + 1 }],
  ])('counts no attestation %s', (_, bad) => {
    expect(isCertified({ ...claim, attestations: [good[0]!, good[1]!, bad] }, quorum)).toBe(false);
    expect(isCertified({ ...claim, attestations: [good[0]!, bad, good[1]!, good[2]!] }, quorum)).toBe(true);
  });
});

test('any two quorums share an honest validator while fewer than a third lie', () => {
  for (let n = 1; n <= 128; n++) {
    const liars = Math.ceil(n / 3) - 1;
    expect(2 * leastThreshold(n) - n).toBeGreaterThan(liars);
    expect(leastThreshold(n)).toBeLessThanOrEqual(n - liars); // and the honest ones alone can certify
  }
});

describe('a policy', () => {
  it.each([
    [{ validators: [], threshold: 1 }, 'no validators are named'],
    [{ validators: ['a', 'b', 'a'], threshold: 3 }, 'a validator is named twice'],
    [{ validators: ['a', 'b', 'c'], threshold: 4 }, 'a threshold of 4 can never be reached by 3 validators'],
    [
      { validators: ['a', 'b', 'c'], threshold: 2 },
      'a threshold of 2 of 3 validators is not more than two thirds: use at least 3',
    ],
  ])('is refused: %j', (bad, problem) => {
    expect(policyProblem(bad)).toBe(problem);
  });

  it('is taken with more than two thirds', () => {
    expect(policyProblem(policy)).toBeUndefined();
    expect(policyProblem({ validators: ['a'], threshold: 1 })).toBeUndefined();
    expect(policyProblem({ validators: 'seen' })).toBeUndefined();
  });

  it('of those seen asks for more than two thirds of them, and for 7 at most', () => {
    const threshold = (n: number) =>
      quorumOf(
        { validators: 'seen' },
        Array.from({ length: n }, (_, at) => String(at)),
      ).threshold;
    expect([1, 2, 3, 4, 9, 10, 1_000].map(threshold)).toEqual([1, 2, 3, 3, 7, 7, 7]);
    expect(isSolo(quorumOf({ validators: 'seen' }, ['me']))).toBe(true);
    expect(isSolo(quorumOf({ validators: 'seen' }, ['me', 'you']))).toBe(false);
  });
});
