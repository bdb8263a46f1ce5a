/** A process that writes certificates is killed at any moment: nothing acknowledged is missing, nothing is half there. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { openScoreStore, type ScoreStore, type StoredCertificate } from '../../src/actors/score-store.js';

const root = join(import.meta.dirname, '../..');
const dist = resolve(root, process.env.QMESH_DIST ?? 'dist');
const rounds = process.env.QMESH_SOAK === undefined ? 20 : 200;

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

/** The groups that are there, each with its parts; and every certificate since `since` is whole. */
async function groupsIn(folder: string, since: number): Promise<Map<number, number>> {
  const { store, entries } = await openScoreStore(folder);
  const groups = new Map<number, number>();
  const fresh: string[] = [];
  for await (const { score, hash } of entries()) {
    groups.set(score, (groups.get(score) ?? 0) + 1);
    if (score >= since) fresh.push(hash);
  }
  for (const hash of fresh) expect(await certificateIn(store, hash), hash).toBeDefined();
  await new Promise<void>((resolve) => store.close(() => resolve()));
  return groups;
}

const certificateIn = (store: ScoreStore, hash: string): Promise<StoredCertificate | undefined> =>
  new Promise((resolve, reject) =>
    store.certificate(hash, (error, certificate) => (error === undefined ? resolve(certificate) : reject(error))),
  );

it(`keeps what it acknowledged through ${rounds} kills`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'qmesh-scores-'));
  try {
    const acknowledged: number[] = [];
    let next = 0;
    for (let round = 0; round < rounds; round++) {
      const since = next;
      acknowledged.push(...(await writeAndKill(folder, next, (round * 37) % 150)));
      const groups = await groupsIn(folder, since);
      expect(acknowledged.filter((group) => !groups.has(group))).toEqual([]);
      expect([...groups].filter(([, parts]) => parts !== 3)).toEqual([]);
      next = Math.max(next, ...groups.keys()) + 1;
    }
    expect(acknowledged.length).toBeGreaterThan(rounds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 1_800_000);
