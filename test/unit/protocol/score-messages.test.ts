import { describe, expect, it } from 'vitest';
import { decodeScoreMessage } from '../../../src/protocol/decode.js';
import { encodeFrame, FrameDecoder, type FrameObject } from '../../../src/protocol/frame.js';
import { limits } from '../../../src/protocol/limits.js';
import { account, attest, claimWith, sha256 } from '../../support/ledger-cases.js';

const claim = claimWith();
const certificate = { ...claim, attestations: [attest(claim.receipt, account('v1'))] };
const { order, receipt } = claim;
const samples = {
  score_update: { v: 2, type: 'score_update', receipts: [claim], certificates: [certificate] },
  score_verify: {
    v: 2,
    type: 'score_verify',
    attestations: certificate.attestations,
    evidence: [{ kind: 'double_receipt', a: { order, receipt }, b: claim }],
  },
  score_request: {
    v: 2,
    type: 'score_request',
    ranges: [{ prefix: '', digest: sha256('') }],
    keys: [{ prefix: '0f', hashes: [] }],
  },
};

const decode = (value: object) => decodeScoreMessage(JSON.parse(JSON.stringify(value)) as FrameObject);
const fieldOf = (value: object): string => {
  const outcome = decode(value);
  return outcome.kind === 'invalid' ? outcome.field : outcome.kind;
};
const times = <Item>(count: number, item: Item): Item[] => Array<Item>(count).fill(item);

describe('a message of the score network', () => {
  it.each(Object.entries(samples))('%s is read as it was written', (_, sample) => {
    expect(decode(sample)).toEqual({ kind: 'message', message: sample });
  });

  it('is not one of the inference network', () => {
    expect(decode({ v: 2, type: 'cancel', id: 'a' })).toEqual({ kind: 'unknown_type', type: 'cancel' });
    expect(decode({ ...samples.score_request, v: 3 })).toEqual({ kind: 'unsupported_version' });
  });

  it('says 256 things at most', () => {
    const update = (receipts: number, certificates: number) =>
      fieldOf({
        ...samples.score_update,
        receipts: times(receipts, claim),
        certificates: times(certificates, certificate),
      });
    expect([update(256, 0), update(0, 256), update(128, 128)]).toEqual(['message', 'message', 'message']);
    expect([update(257, 0), update(0, 257), update(129, 128)]).toEqual(['receipts', 'certificates', 'certificates']);
    const verify = { ...samples.score_verify, attestations: times(257, certificate.attestations[0]) };
    expect(fieldOf(verify)).toBe('attestations');
  });

  it.each([
    ['receipts[0].order', { receipts: [{ ...claim, order: { ...order, extra: 1 } }] }],
    ['receipts[0].order.network', { receipts: [{ ...claim, order: { ...order, network: 'lone \ud800' } }] }],
    ['receipts[0].ack', { receipts: [{ order, receipt }] }],
    [
      'certificates[0].attestations',
      { certificates: [{ ...claim, attestations: times(129, certificate.attestations[0]) }] },
    ],
    ['certificates', { certificates: undefined }],
  ])('score_update names its field: %s', (field, change) => {
    expect(fieldOf({ ...samples.score_update, ...change })).toBe(field);
  });

  it.each([
    ['ranges[0].prefix', { ranges: [{ prefix: 'F', digest: sha256('') }] }],
    ['ranges[0].prefix', { ranges: [{ prefix: '0'.repeat(65), digest: sha256('') }] }],
    ['ranges[0].digest', { ranges: [{ prefix: '', digest: '' }] }],
    ['ranges', { ranges: times(1_025, { prefix: '', digest: sha256('') }) }],
    ['keys[0].hashes', { keys: [{ prefix: '', hashes: times(1_025, sha256('')) }] }],
  ])('score_request names its field: %s', (field, change) => {
    expect(fieldOf({ ...samples.score_request, ...change })).toBe(field);
  });

  it('full of certificates of a household fits one frame, and takes its way through one', () => {
    const attestations = ['v1', 'v2', 'v3'].map((name) => attest(receipt, account(name)));
    const update = {
      ...samples.score_update,
      receipts: [],
      certificates: times(limits.maxScoreItems, { ...claim, attestations }),
    };
    const [outcome] = new FrameDecoder().push(encodeFrame(update));
    expect(outcome).toEqual({ kind: 'object', value: update });
  });
});
