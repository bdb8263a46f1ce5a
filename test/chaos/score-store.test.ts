/**
 * A process that writes certificates and closes their days is killed at any moment: nothing acknowledged is missing, nothing is half
 * there, and balances are those of all the receipts, whether their days were closed or were just being closed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLedger } from '../../src/actors/scores/ledger.js';
import { openScoreStore, type ScoreStore, type StoredCertificate } from '../../src/actors/scores/score-store.js';
import { foldLedger, mintDayOf, type LedgerEntry } from '../../src/rules/ledger.js';
import { dist } from '../support/dist.js';
import { isSoak } from '../support/soak.js';

const root = join(import.meta.dirname, '../..');
const rounds = isSoak ? 200 : 20;

/** Writes from this group on until it is killed, some time after the first acknowledgement. @returns what was acknowledged */
async function writeAndKill(folder: string, first: number, afterMs: number): Promise<number[]> {
  const child = fork(join(root, 'test/support/score-store-writer.mjs'), [dist, folder, String(first)], {
    serialization: 'advanced',
  });
  const acknowledged: number[] = [];
  child.on('message', (group) => acknowledged.push(group as number));
  await Promise.race([once(child, 'message'), once(child, 'exit')]);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  return acknowledged;
}

/** The groups that are there, each with its parts; certificates of open days are whole, and balances those of all receipts. */
async function groupsIn(folder: string): Promise<{ groups: Map<number, number>; openFrom: number }> {
  const opened = await openScoreStore(folder);
  const { store } = opened;
  const [entries, checkpoint, ledger] = [[] as LedgerEntry[], await opened.checkpoint(), await openLedger(opened)];
  for await (const entry of opened.entries()) entries.push(entry);
  const groups = new Map<number, number>();
  for (const { score } of entries) groups.set(score, (groups.get(score) ?? 0) + 1);
  // The first open day may have been half closed.
  for (const entry of entries)
    if (mintDayOf(entry) > checkpoint.openFrom)
      expect(await certificateIn(store, entry.hash), entry.hash).toBeDefined();
  const states = [...ledger.accounts()].map((account) => [account, ledger.stateOf(account)] as const);
  expect(new Map(states)).toEqual(foldLedger(entries));
  await new Promise<void>((resolve) => store.close(() => resolve()));
  return { groups, openFrom: checkpoint.openFrom };
}

const certificateIn = (store: ScoreStore, hash: string): Promise<StoredCertificate | undefined> =>
  new Promise((resolve, reject) =>
    store.certificate(hash, (error, certificate) => (error === undefined ? resolve(certificate) : reject(error))),
  );

it(`keeps what it acknowledged through ${rounds} kills`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'qmesh-scores-'));
  try {
    const acknowledged: number[] = [];
    let [next, closedUntil] = [0, 0];
    // On a slow machine some rounds more, until days were closed as well.
    for (let round = 0; round < rounds || (closedUntil === 0 && round < 5 * rounds); round++) {
      acknowledged.push(...(await writeAndKill(folder, next, (round * 37) % 150)));
      const { groups, openFrom } = await groupsIn(folder);
      closedUntil = openFrom;
      expect(acknowledged.filter((group) => !groups.has(group))).toEqual([]);
      expect([...groups].filter(([, parts]) => parts !== 3)).toEqual([]);
      next = Math.max(next, ...groups.keys()) + 1;
    }
    expect(acknowledged.length).toBeGreaterThan(rounds);
    expect(closedUntil).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 1_800_000);
