/** What a running worker writes down of its account's balance, for the programs that ask when it is gone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ledger } from '../../../../src/actors/scores/ledger.js';
import { balanceIn, keepInStep } from '../../../../src/actors/wallet/known-balance.js';
import { nullLogger } from '../../../../src/runtime/log.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { MemoryScoreStore, ScoreDisk } from '../../../simulation/world/memory-score-store.js';
import { account, claimWith, noonMs } from '../../../support/ledger-cases.js';

let path: string;
beforeEach(() => void (path = mkdtempSync(join(tmpdir(), 'qmesh-balance-'))));
afterEach(() => rmSync(path, { recursive: true, force: true }));

it('is what it had at its start, and a second after each of its receipts, whatever befalls it then', () => {
  const clock = new VirtualClock(noonMs);
  const disk = new ScoreDisk();
  const ledger = new Ledger(new MemoryScoreStore(disk, clock), disk.checkpoint());
  const claim = claimWith({});
  const { worker } = claim.receipt;
  const known = balanceIn({ path }, worker, nullLogger);
  const stop = keepInStep(known, worker, ledger, clock);
  expect(known.read()).toBe(0);
  ledger.count({ ...claim, attestations: [], isSolo: true }, () => {});
  ledger.count({ ...claimWith({ worker: account('other') }), attestations: [], isSolo: true }, () => {});
  clock.advance(2_000);
  expect(known.read()).toBe(ledger.balanceOf(worker));
  expect(known.read()).toBeGreaterThan(0);

  ledger.count({ ...claimWith({ order: { id: 'r2' } }), attestations: [], isSolo: true }, () => {});
  clock.advance(100);
  stop();
  expect(known.read()).toBe(ledger.balanceOf(worker));
});
