import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  receiptMachine,
  type ReceiptContext,
  type ReceiptInput,
  type ReceiptOutput,
} from '../../../src/machines/receipt.machine.js';
import { claimLifeMs } from '../../../src/rules/attestation.js';
import { verdictRules, type Verdict } from '../../../src/rules/verdicts.js';
import { stage, untaken, type Staged } from './stage.js';

/** Of v1 to v4, with this node as v1. */
let threshold = 3;
const machine = receiptMachine.provide({
  guards: { hasQuorum: ({ context }) => context.attestedBy.length >= threshold },
});
const receipt = (input: Partial<ReceiptInput> = {}): Staged => {
  threshold = 3;
  return stage(machine, { hash: 'r', expiresInMs: claimLifeMs, attestedBy: [], ...input });
};

const judged = (verdict: Verdict) => ({ type: 'receipt.judged', verdict });
const signed = { type: 'receipt.signed', validators: ['v1'] };
const attested = (...validators: string[]) => ({ type: 'receipt.attested', validators });
const changed = { type: 'quorum.changed' };
const stored = { type: 'receipt.stored' };
const notStored = { type: 'receipt.notStored' };

describe('a claim', () => {
  it('is judged, signed, offered, attested by a quorum, stored, and only then certified', () => {
    const staged = receipt();
    expect(staged.did()).toEqual(['judge']);
    staged.send(judged('valid'));
    expect(staged.did()).toEqual(['sign']);
    staged.send(signed);
    expect(staged.did()).toEqual(['offer']);
    staged.send(attested('v2'), attested('v2'), attested('v1'));
    expect(staged.state).toEqual({ open: { attesting: 'offering' } });
    staged.send(attested('v3'));
    expect([staged.state, staged.did()]).toEqual(['recording', ['store']]);
    staged.send(stored);
    expect(staged.output).toEqual({ hash: 'r', end: 'certified', verdict: 'valid' });
  });

  it('is certified by its own node alone where that is the quorum', () => {
    const staged = receipt();
    threshold = 1;
    staged.send(judged('valid'), signed);
    expect([staged.state, staged.did()]).toEqual(['recording', ['judge', 'sign', 'offer', 'store']]);
  });

  it.each(Object.entries(verdictRules))('judged %s goes where its verdict says', (verdict, { isFinal }) => {
    const staged = receipt();
    staged.send(judged(verdict as Verdict));
    if (verdict === 'valid') expect(staged.state).toEqual({ open: { attesting: 'signing' } });
    else if (isFinal) expect(staged.output).toEqual({ hash: 'r', end: 'rejected', verdict });
    else expect(staged.state).toEqual({ open: 'postponed' });
  });

  it('that was postponed is judged again, ever more rarely, until it expires', () => {
    const staged = receipt();
    let judgements = 0;
    while (!staged.isDone) {
      judgements += staged.did().filter((action) => action === 'judge').length;
      staged.send(judged('overdrawn'));
      staged.clock.advance(300_000);
    }
    expect(staged.output).toMatchObject({ end: 'expired', verdict: 'overdrawn' });
    expect(judgements).toBeGreaterThan(1_000);
    expect(judgements).toBeLessThan(claimLifeMs / 300_000 + 10);
  });

  it('goes on where judging, signing or storing never answers', () => {
    const staged = receipt();
    staged.clock.advance(30_000 + 2_000);
    expect(staged.did()).toEqual(['judge', 'judge']);
    staged.send(judged('valid'));
    staged.clock.advance(30_000);
    expect(staged.did()).toEqual(['sign', 'sign']);
    staged.send(signed, attested('v2', 'v3'));
    staged.clock.advance(30_000 + 5_000);
    expect(staged.did()).toEqual(['offer', 'store', 'store']);
    staged.send(notStored);
    expect(staged.state).toBe('storingAgain');
    staged.clock.advance(5_000);
    expect(staged.did()).toEqual(['store']);
    staged.send(notStored, stored); // the answer came late
    expect(staged.output).toMatchObject({ end: 'certified' });
  });

  it('is given up where the disk knows that this node attested another receipt for its order', () => {
    const staged = receipt();
    staged.send(judged('valid'), judged('valid'));
    expect(staged.state).toEqual({ open: { attesting: 'signing' } });
    staged.send(judged('double_receipt'));
    expect(staged.output).toEqual({ hash: 'r', end: 'rejected', verdict: 'double_receipt' });
  });

  it('is offered again until somebody hears it', () => {
    const staged = receipt();
    staged.send(judged('valid'), signed);
    staged.clock.advance(5_000 + 10_000 + 20_000);
    expect(staged.did()).toEqual(['judge', 'sign', 'offer', 'offer', 'offer', 'offer']);
  });

  it('is certified by a quorum of others, whatever this node thinks of it', () => {
    const whole = receipt({ attestedBy: ['v2', 'v3', 'v4'] });
    expect([whole.state, whole.did().at(-1)]).toEqual(['recording', 'store']);
    const postponed = receipt();
    postponed.send(judged('overdrawn'), attested('v2', 'v3', 'v4'));
    expect(postponed.state).toBe('recording');
    const claimed = receipt();
    claimed.send(attested('v2', 'v3', 'v4'));
    expect(claimed.state).toBe('recording');
  });

  it('is looked at again where the quorum is another one', () => {
    const staged = receipt();
    staged.send(judged('valid'), signed, attested('v2'), changed);
    expect(staged.state).toEqual({ open: { attesting: 'offering' } });
    threshold = 2;
    staged.send(changed);
    expect(staged.state).toBe('recording');
  });

  it('is certified only with a quorum and after it was stored, whatever comes in which order', () => {
    const event = fc.oneof(
      fc.constantFrom(...Object.keys(verdictRules)).map((verdict) => judged(verdict as Verdict)),
      fc.subarray(['v1', 'v2', 'v3', 'v4']).map((validators) => attested(...validators)),
      fc.constantFrom(signed, changed, stored, notStored),
      fc.nat(400_000),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30, size: 'max' }), (events) => {
        const staged = receipt();
        const done: string[] = [];
        for (const each of events) {
          if (typeof each === 'number') staged.clock.advance(each);
          else staged.send(each);
          for (const effect of staged.effects()) {
            done.push(effect.name);
            if (effect.name !== 'store') continue;
            expect((effect.context as unknown as ReceiptContext).attestedBy.length).toBeGreaterThanOrEqual(3);
          }
          if (!staged.isDone) continue;
          const { end } = staged.output as ReceiptOutput;
          expect(end === 'certified').toBe(done.includes('store'));
          if (end === 'certified') expect(each).toBe(stored);
          return;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('has taken every transition of its chart here', () => {
    expect(untaken(receiptMachine)).toEqual([]);
  });
});
