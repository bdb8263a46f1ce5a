import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../src/protocol/signed-objects.js';
import { banBy, banMs, banOf, evidenceIn } from '../../../src/rules/evidence.js';
import { account, claimWith, noonMs } from '../../support/ledger-cases.js';

const client = account('client').publicKeyHex;
const worker = account('worker').publicKeyHex;
const a = claimWith();
const b = claimWith({ receipt: { responseMs: 900, finishedAt: noonMs + 5 } });
const until = noonMs + 5 + banMs;

describe('evidence', () => {
  it('of two receipts bans the worker, of two acks the client, until 30 days after the later receipt', () => {
    expect(evidenceIn(a, b).map(banOf)).toEqual([
      { account: worker, until },
      { account: client, until },
    ]);
    expect(evidenceIn(a, b).map(banBy)).toEqual(evidenceIn(a, b).map(banOf));
    expect(evidenceIn(b, a).map(banOf)).toEqual(evidenceIn(a, b).map(banOf));
  });

  it('is not in the same claim twice, nor in two acks of one receipt, nor in receipts of two orders', () => {
    expect(evidenceIn(a, a)).toEqual([]);
    expect(evidenceIn(a, claimWith({ ack: { at: noonMs + 31 } }))).toEqual([]);
    expect(evidenceIn(a, claimWith({ order: { id: 'r2' } }))).toEqual([]);
  });

  it('bans nobody who did not sign both', () => {
    const forged = { ...b, receipt: { ...b.receipt, signature: a.receipt.signature } };
    expect(evidenceIn(a, forged).map(banOf)).toEqual([undefined, undefined]);
    const forgedAck = { ...b, ack: { ...b.ack, signature: a.ack.signature } };
    expect(evidenceIn(a, forgedAck).map(banOf)).toEqual([{ account: worker, until }, undefined]);
    const otherClient = { ...b, ack: claimWith({ client: account('another') }).ack };
    expect(evidenceIn(a, otherClient).map(banOf)).toEqual([{ account: worker, until }, undefined]);
  });

  it('needs the acks where it speaks of acks, and the order that the receipts name', () => {
    const { ack: _, ...withoutAck } = b;
    expect(banOf({ kind: 'double_ack', a, b: withoutAck } satisfies Evidence)).toBeUndefined();
    expect(banOf({ kind: 'double_receipt', a, b: withoutAck })).toEqual({ account: worker, until });
    const otherOrder = claimWith({ order: { id: 'r2' } }).order;
    expect(banOf({ kind: 'double_receipt', a, b: { ...b, order: otherOrder } })).toBeUndefined();
  });
});
