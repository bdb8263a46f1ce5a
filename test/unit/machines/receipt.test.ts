/** The chart of a claim, alone: its effects are recorded, and what it waits for is on a virtual clock. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { receiptMachine, type ReceiptContext, type ReceiptEvent } from '../../../src/machines/receipt.machine.js';
import { claimLifeMs } from '../../../src/rules/attestation.js';
import { stage, untaken, type Staged } from './stage.js';

const receipt = (context: Partial<ReceiptContext> = {}): Staged =>
  stage(receiptMachine, { expiresInMs: claimLifeMs, timesJudged: 1, timesOffered: 1, ...context });

type Name = ReceiptEvent['type'];
const send = (staged: Staged, ...events: Name[]): void => staged.send(...events.map((type) => ({ type })));

describe('a claim', () => {
  it('is judged, signed, offered, attested by a quorum, stored, and only then certified', () => {
    const staged = receipt();
    expect(staged.did()).toEqual(['judge']);
    send(staged, 'receipt.accepted');
    expect(staged.did()).toEqual(['sign']);
    send(staged, 'receipt.signed');
    expect([staged.state, staged.did()]).toEqual([{ open: { attesting: 'offering' } }, ['offer']]);
    send(staged, 'quorum.reached');
    expect([staged.state, staged.did()]).toEqual(['recording', ['store']]);
    send(staged, 'receipt.stored');
    expect([staged.isDone, staged.state]).toEqual([true, 'certified']);
  });

  it('is certified by a quorum of others, whatever this node thinks of it', () => {
    const before: Name[][] = [[], ['receipt.doubted'], ['receipt.accepted'], ['receipt.accepted', 'receipt.signed']];
    for (const events of before) {
      const staged = receipt();
      send(staged, ...events, 'quorum.reached');
      expect([staged.state, staged.did().at(-1)]).toEqual(['recording', 'store']);
    }
  });

  it('is rejected for good, also where the disk knows that this node attested another receipt for its order', () => {
    for (const events of [[], ['receipt.accepted']] satisfies Name[][]) {
      const staged = receipt();
      send(staged, ...events, 'receipt.refused');
      expect([staged.isDone, staged.state]).toEqual([true, 'rejected']);
    }
  });

  it('is judged again where it was doubted, the sooner the fewer times it was, until it expires', () => {
    for (const [timesJudged, againMs] of [
      [1, 2_000],
      [2, 4_000],
      [50, 300_000],
    ] as const) {
      const staged = receipt({ timesJudged });
      send(staged, 'receipt.doubted');
      staged.clock.advance(againMs - 1);
      expect(staged.did()).toEqual(['judge']);
      staged.clock.advance(1);
      expect(staged.did()).toEqual(['judge']);
      send(staged, 'receipt.doubted');
      staged.clock.advance(claimLifeMs);
      expect([staged.isDone, staged.state]).toEqual([true, 'expired']);
    }
  });

  it('is offered again until somebody hears it', () => {
    const staged = receipt({ timesOffered: 2 });
    send(staged, 'receipt.accepted', 'receipt.signed');
    staged.clock.advance(10_000 + 10_000);
    expect(staged.did()).toEqual(['judge', 'sign', 'offer', 'offer', 'offer']);
  });

  it('goes on where signing or storing never answers', () => {
    const staged = receipt();
    send(staged, 'receipt.accepted');
    staged.clock.advance(30_000);
    expect(staged.did()).toEqual(['judge', 'sign', 'sign']);
    send(staged, 'quorum.reached');
    staged.clock.advance(30_000 + 5_000);
    expect(staged.did()).toEqual(['store', 'store']);
    send(staged, 'receipt.notStored');
    expect(staged.state).toBe('storingAgain');
    staged.clock.advance(5_000);
    expect(staged.did()).toEqual(['store']);
    send(staged, 'receipt.notStored', 'receipt.stored'); // the answer came late
    expect(staged.state).toBe('certified');
  });

  it('is certified only with a quorum and after it was stored, whatever comes in which order', () => {
    const event = fc.oneof(
      fc.constantFrom<Name>('receipt.accepted', 'receipt.doubted', 'receipt.refused', 'receipt.signed'),
      fc.constantFrom<Name>('quorum.reached', 'receipt.stored', 'receipt.notStored'),
      fc.nat(400_000),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30, size: 'max' }), (events) => {
        const staged = receipt();
        let isQuorum = false;
        for (const each of events) {
          if (typeof each === 'number') staged.clock.advance(each);
          else send(staged, each);
          isQuorum ||= each === 'quorum.reached';
          if (staged.did().includes('store')) expect(isQuorum).toBe(true);
          if (!staged.isDone) continue;
          expect(staged.state === 'certified').toBe(each === 'receipt.stored');
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
