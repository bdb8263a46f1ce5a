import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openShelfStore } from '../../../../src/actors/models/shelf-store.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qmesh-test-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

it('a store removes what a killed process left behind, touches nobody else, and leaves nothing itself', async () => {
  const first = await openShelfStore();
  const [own] = readdirSync(folder) as [string];
  const prefix = own.slice(0, own.indexOf(String(process.pid)));
  const dead = join(folder, `${prefix}${spawnSync('true').pid}-a1b2c3`);
  const alive = join(folder, `${prefix}${process.ppid}-a1b2c3`);
  const elsewhere = join(folder, 'qmesh-shelves-00000000-1-a1b2c3');
  for (const path of [dead, alive, elsewhere]) mkdirSync(join(path, 'db'), { recursive: true });
  const second = await openShelfStore();
  expect([dead, alive, elsewhere, join(folder, own)].map((path) => existsSync(path))).toEqual([false, true, true, true]);
  await first.close();
  await second.close();
  expect(readdirSync(folder)).toHaveLength(2);
});
