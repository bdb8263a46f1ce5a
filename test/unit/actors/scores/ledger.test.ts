/** What a worker has of the ledger: counted once it is on the disk, and nothing signed twice. */
import { beforeEach, expect, it } from 'vitest';
import { Ledger } from '../../../../src/actors/scores/ledger.js';
import { objectHash, type Receipt } from '../../../../src/protocol/signed-objects.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { MemoryScoreStore, ScoreDisk } from '../../../simulation/world/memory-score-store.js';
import { claimWith, noonMs } from '../../../support/ledger-cases.js';

let clock: VirtualClock;
let disk: ScoreDisk;
const open = (): Ledger => new Ledger(new MemoryScoreStore(disk, clock), disk.checkpoint());

beforeEach(() => {
  clock = new VirtualClock(noonMs);
  disk = new ScoreDisk();
});

const claim = claimWith();
const { worker } = claim.receipt;
const certificate = { ...claim, attestations: [], isSolo: true };

it('counts a certificate once it is on the disk, tells of it once, and has it after a restart', () => {
  const ledger = open();
  const heard: string[] = [];
  ledger.onCertified(({ hash }) => heard.push(hash));
  const ends: unknown[] = [];
  for (let times = 0; times < 2; times++) ledger.count(certificate, (error) => ends.push(error));
  expect([ledger.balanceOf(worker), ends, heard]).toEqual([0, [], []]);
  clock.advance(10);
  expect(ends).toEqual([undefined, undefined]);
  expect(heard).toEqual([objectHash('receipt', claim.receipt)]);
  expect(ledger.balanceOf(worker)).toBeGreaterThan(0);
  expect(open().balanceOf(worker)).toBe(ledger.balanceOf(worker));
});

it('counts nothing that the disk does not take', () => {
  const ledger = open();
  disk.isFull = true;
  let told: unknown;
  ledger.count(certificate, (error) => (told = error));
  clock.advance(10);
  expect([told instanceof Error, ledger.balanceOf(worker)]).toEqual([true, 0]);
});

it('signs once for an order, though it is asked twice at once, and again after a restart', () => {
  const { order } = claim.receipt;
  const [first, second] = [claim.receipt, claimWith({ receipt: { responseMs: 1_300 } }).receipt];
  const given: (Receipt | undefined)[] = [];
  const ledger = open();
  ledger.sign(
    'receipt',
    order,
    () => ({ object: first }),
    (_, receipt) => given.push(receipt),
  );
  ledger.sign(
    'receipt',
    order,
    () => ({ object: second }),
    (_, receipt) => given.push(receipt),
  );
  expect(given).toEqual([]); // not before it is on the disk
  clock.advance(10);
  open().sign(
    'receipt',
    order,
    () => ({ object: second }),
    (_, receipt) => given.push(receipt),
  );
  clock.advance(10);
  expect(given).toEqual([first, first, first]);
});

it('gives out nothing that could not be kept, and tries again for the next who asks', () => {
  const ledger = open();
  const given: unknown[] = [];
  const ask = (): void => {
    ledger.sign(
      'receipt',
      claim.receipt.order,
      () => ({ object: claim.receipt }),
      (_, receipt) => given.push(receipt),
    );
    clock.advance(10);
  };
  disk.isFull = true;
  ask();
  disk.isFull = false;
  ask();
  expect(given).toEqual([undefined, claim.receipt]);
});
