/** The chart of a claim, alone: its effects are recorded, and what it waits for is on a virtual clock. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimMachine, type ClaimContext, type ClaimEvent } from '../../../src/machines/claim.machine.js';
import { claimLifeMs } from '../../../src/rules/attestation.js';
import { stage, untaken, type Staged } from './stage.js';

const claim = (context: Partial<ClaimContext> = {}): Staged =>
  stage(claimMachine, { expiresInMs: claimLifeMs, timesJudged: 1, timesAnnounced: 1, ...context });

type Name = ClaimEvent['type'];
const send = (staged: Staged, ...events: Name[]): void => staged.send(...events.map((type) => ({ type })));

describe('a claim', () => {
  it('is judged, signed, announced, attested by a quorum, stored, and only then certified', () => {
    const staged = claim();
    expect(staged.did()).toEqual(['judge']);
    send(staged, 'claim.accepted');
    expect(staged.did()).toEqual(['sign']);
    send(staged, 'attestation.signed');
    expect([staged.state, staged.did()]).toEqual([{ open: { attesting: 'gathering' } }, ['announce']]);
    send(staged, 'quorum.reached');
    expect([staged.state, staged.did()]).toEqual(['storing', ['store']]);
    send(staged, 'certificate.stored');
    expect([staged.isDone, staged.state]).toEqual([true, 'certified']);
  });

  it('is certified by a quorum of others, whatever this node thinks of it', () => {
    const before: Name[][] = [[], ['claim.deferred'], ['claim.accepted'], ['claim.accepted', 'attestation.signed']];
    for (const events of before) {
      const staged = claim();
      send(staged, ...events, 'quorum.reached');
      expect([staged.state, staged.did().at(-1)]).toEqual(['storing', 'store']);
    }
  });

  it('is rejected for good, also where the disk knows that this node attested another receipt for its order', () => {
    for (const events of [[], ['claim.accepted']] satisfies Name[][]) {
      const staged = claim();
      send(staged, ...events, 'claim.rejected');
      expect([staged.isDone, staged.state]).toEqual([true, 'rejected']);
    }
  });

  it('is judged again where it was deferred, with back-off, until it expires', () => {
    for (const [timesJudged, againMs] of [
      [1, 2_000],
      [2, 4_000],
      [50, 300_000],
    ] as const) {
      const staged = claim({ timesJudged });
      send(staged, 'claim.deferred');
      staged.clock.advance(againMs - 1);
      expect(staged.did()).toEqual(['judge']);
      staged.clock.advance(1);
      expect(staged.did()).toEqual(['judge']);
      send(staged, 'claim.deferred');
      staged.clock.advance(claimLifeMs);
      expect([staged.isDone, staged.state]).toEqual([true, 'expired']);
    }
  });

  it('is announced again until it is certified', () => {
    const staged = claim({ timesAnnounced: 2 });
    send(staged, 'claim.accepted', 'attestation.signed');
    staged.clock.advance(10_000 + 10_000);
    expect(staged.did()).toEqual(['judge', 'sign', 'announce', 'announce', 'announce']);
  });

  it('goes on where signing or storing never answers', () => {
    const staged = claim();
    send(staged, 'claim.accepted');
    staged.clock.advance(30_000);
    expect(staged.did()).toEqual(['judge', 'sign', 'sign']);
    send(staged, 'quorum.reached');
    staged.clock.advance(30_000 + 5_000);
    expect(staged.did()).toEqual(['store', 'store']);
    send(staged, 'certificate.notStored');
    expect(staged.state).toBe('storingAgain');
    staged.clock.advance(5_000);
    expect(staged.did()).toEqual(['store']);
    send(staged, 'certificate.notStored', 'certificate.stored'); // the answer came late
    expect(staged.state).toBe('certified');
  });

  it('is certified only with a quorum and after it was stored, whatever comes in which order', () => {
    const event = fc.oneof(
      fc.constantFrom<Name>('claim.accepted', 'claim.deferred', 'claim.rejected', 'attestation.signed'),
      fc.constantFrom<Name>('quorum.reached', 'certificate.stored', 'certificate.notStored'),
      fc.nat(400_000),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30, size: 'max' }), (events) => {
        const staged = claim();
        let isQuorum = false;
        for (const each of events) {
          if (typeof each === 'number') staged.clock.advance(each);
          else send(staged, each);
          isQuorum ||= each === 'quorum.reached';
          if (staged.did().includes('store')) expect(isQuorum).toBe(true);
          if (!staged.isDone) continue;
          expect(staged.state === 'certified').toBe(each === 'certificate.stored');
          return;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('has taken every transition of its chart here', () => {
    expect(untaken(claimMachine)).toEqual([]);
  });
});
