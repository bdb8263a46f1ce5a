import { describe, expect, it, test } from 'vitest';
import { judge, claimLifeMs, clockSkewMs, orderLifeMs, type LedgerView } from '../../../src/rules/attestation.js';
import { agreeOnResponse, examine } from '../../../src/rules/claim.js';
import { verdictRules } from '../../../src/rules/verdicts.js';
import {
  account,
  claimWith,
  hashOfReceipt,
  network,
  noonMs,
  sha256,
  type ClaimChanges,
} from '../../support/ledger-cases.js';

const verdictOf = (changes: ClaimChanges): string => {
  const examined = examine(claimWith(changes), network);
  return examined.kind === 'sound' ? 'sound' : examined.fault;
};

describe('a claim by itself', () => {
  it('stands where all three signed one request and the points are right', () => {
    const claim = claimWith({ order: { maxPrice: 2_000 } });
    expect(examine(claim, network)).toEqual({
      kind: 'sound',
      facts: {
        orderedAt: claim.order.at,
        entry: {
          hash: hashOfReceipt(claim.receipt),
          order: claim.receipt.order,
          worker: account('worker').publicKeyHex,
          client: account('client').publicKeyHex,
          maxPrice: 2_000,
          score: 5_265,
          success: true,
          complexity: 240,
          responseMs: 1_200,
          finishedAt: noonMs,
        },
      },
    });
  });

  it.each<[fault: string, changes: ClaimChanges]>([
    ['mismatch', { receipt: { order: sha256('another order') } }],
    ['mismatch', { ack: { receipt: sha256('another receipt') } }],
    ['wrong_network', { order: { network: 'acme/qmesh-inference-v2' } }],
    ['same_account', { client: account('one'), worker: account('one') }],
    ['bad_order_times', { order: { at: noonMs, expiresAt: noonMs - 1 } }],
    ['bad_order_times', { order: { at: noonMs, expiresAt: noonMs + 600_001 } }],
    ['sound', { order: { at: noonMs, expiresAt: noonMs + 600_000 } }],
    ['wrong_score', { receipt: { score: 5_266 } }],
    ['wrong_score', { receipt: { speed: 5_000, score: 6_265 } }],
    ['wrong_score', { receipt: { complexity: 3_000, score: 8_025 } }],
    ['wrong_score', { receipt: { quality: 2_000, score: 6_240 } }],
    ['wrong_score', { receipt: { speed: 4_001, complexity: 239 } }], // the sum is right
    ['wrong_score', { receipt: { success: false, quality: 0, score: 5_265 } }],
    ['sound', { receipt: { success: false, resultChars: 0, completionTokens: 0 } }],
    ['implausible', { receipt: { completionTokens: 2_401 } }],
    ['sound', { receipt: { completionTokens: 2_400 } }],
    ['sound', { receipt: { completionTokens: 2, responseMs: 0 } }],
    ['implausible', { receipt: { completionTokens: 3, responseMs: 0 } }],
    ['response_time', { ack: { responseMs: 1_813 } }],
    ['sound', { ack: { responseMs: 1_812 } }],
    ['sound', { ack: { responseMs: 710 } }],
    ['response_time', { ack: { responseMs: 709 } }],
  ])('%s: %j', (fault, changes) => {
    expect(verdictOf(changes)).toBe(fault);
  });

  it('falls where any field of any of the three is changed after it was signed', () => {
    const claim = claimWith({ order: { maxPrice: 2_000 } });
    for (const kind of ['order', 'receipt', 'ack'] as const) {
      for (const [field, value] of Object.entries(claim[kind])) {
        const other = typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : bump(value);
        const changed = { ...claim, [kind]: { ...claim[kind], [field]: other } };
        expect(examine(changed, network).kind, `${kind}.${field}`).toBe('unsound');
      }
    }
  });
});

/** Another string of the same shape. */
const bump = (text: string): string => (text.startsWith('1') ? '2' : '1') + text.slice(1);

test('response times agree within a fifth of the longer and a quarter of a second, whoever measured longer', () => {
  for (const [a, b] of [
    [0, 312],
    [1_000, 1_562],
    [60_000, 75_312],
  ] as const) {
    expect([agreeOnResponse(a, b), agreeOnResponse(b, a)]).toEqual([true, true]);
    expect([agreeOnResponse(a, b + 1), agreeOnResponse(b + 1, a)]).toEqual([false, false]);
  }
});

test('response times agree as they do in exact arithmetic, up to the largest that may be signed', () => {
  const exactly = (a: bigint, b: bigint): boolean => 5n * (a > b ? a - b : b - a) <= 1_250n + (a > b ? a : b);
  const longest = Number.MAX_SAFE_INTEGER;
  for (let longer = longest - 20; longer <= longest; longer++) {
    const shortest = longer - (250 + Math.floor(longer / 5));
    for (let other = shortest - 3; other <= shortest + 3; other++)
      expect(agreeOnResponse(other, longer), `${other} and ${longer}`).toBe(exactly(BigInt(other), BigInt(longer)));
  }
});

describe('judging now', () => {
  const client = account('client').publicKeyHex;
  const worker = account('worker').publicKeyHex;
  const view = (change: Partial<LedgerView> = {}): LedgerView => ({
    receiptOf: () => undefined,
    balanceOf: () => 0,
    pledgedBy: () => 0,
    isBanned: () => false,
    ...change,
  });
  const judged = (changes: ClaimChanges, change: Partial<LedgerView> = {}, nowMs = noonMs + 1_000): string => {
    const examined = examine(claimWith(changes), network);
    if (examined.kind === 'unsound') throw new Error(examined.fault);
    return judge(examined.facts, view(change), nowMs);
  };

  it('is valid for a week, and from five minutes before', () => {
    const at = (nowMs: number) => judged({}, {}, nowMs);
    expect([at(noonMs + claimLifeMs), at(noonMs + claimLifeMs + 1)]).toEqual(['valid', 'too_old']);
    expect([at(noonMs - clockSkewMs), at(noonMs - clockSkewMs - 1)]).toEqual(['valid', 'too_early']);
  });

  it('takes an order for 30 days, however long the request took', () => {
    const ordered = (at: number) => judged({ order: { at, expiresAt: at + 1 } }, {}, noonMs);
    expect([ordered(noonMs - orderLifeMs), ordered(noonMs - orderLifeMs - 1)]).toEqual(['valid', 'too_old']);
  });

  it('refuses an order from after its own end', () => {
    const ordered = (at: number) => judged({ order: { at, expiresAt: at + 1 } });
    expect([ordered(noonMs + clockSkewMs), ordered(noonMs + clockSkewMs + 1)]).toEqual(['valid', 'bad_clock']);
  });

  it('takes one receipt for an order', () => {
    const hash = hashOfReceipt(claimWith().receipt);
    expect(judged({}, { receiptOf: () => hash })).toBe('valid');
    expect(judged({}, { receiptOf: () => sha256('the other one') })).toBe('double_receipt');
  });

  it('takes nothing of a banned client or worker', () => {
    for (const banned of [client, worker])
      expect(judged({}, { isBanned: (account) => account === banned })).toBe('banned');
  });

  it('asks that the price is covered, and never by what is pledged elsewhere', () => {
    const paying = { order: { maxPrice: 2_000 } };
    expect(judged(paying, { balanceOf: () => 2_000 })).toBe('valid');
    expect(judged(paying, { balanceOf: () => 1_999 })).toBe('overdrawn');
    expect(judged(paying, { balanceOf: () => 5_000, pledgedBy: () => 3_000 })).toBe('valid');
    expect(judged(paying, { balanceOf: () => 5_000, pledgedBy: () => 3_001 })).toBe('overdrawn');
    expect(judged({ order: { maxPrice: 10_000 } }, { balanceOf: () => 5_265 })).toBe('valid'); // the price is what it scored
    expect(judged({}, { balanceOf: () => -1 })).toBe('valid'); // a guest pays nothing
  });

  it('asks again only where a later look may find otherwise', () => {
    const open = Object.entries(verdictRules).filter(([, { isFinal }]) => !isFinal);
    expect(open.map(([verdict]) => verdict)).toEqual(['banned', 'too_early', 'overdrawn']);
  });
});
