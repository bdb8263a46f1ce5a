/** A disk that fills up in the middle of a fetch: the reason is told, nothing is called a model, and with room it goes on from where it was. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeModel } from '../../../src/gguf/models.js';
import { dist } from '../../support/dist.js';
import { closeMesh, mebibyte, newFolder } from '../../support/model-mesh.js';
import { isSoak } from '../../support/soak.js';

const root = resolve(import.meta.dirname, '../../..');
const command = join(dist, 'cli/qmesh.js');

afterAll(closeMesh);

interface Line {
  readonly event?: string;
  readonly bytes?: number;
}
interface Outcome {
  /** Why no disk could be mounted here: not root, no Linux. */
  readonly unavailable?: string;
  readonly full: { readonly code: number; readonly lines: readonly Line[] };
  readonly wasPlaced: boolean;
  readonly again: { readonly code: number; readonly lines: readonly Line[] };
  readonly sha256: string | null;
}

// It takes half a gigabyte of memory.
it.runIf(isSoak)('ends with the reason, and goes on when there is room', async () => {
  const source = join(newFolder(), 'source.gguf');
  await writeModel('demo', source);
  const content = Buffer.concat([readFileSync(source), randomBytes(12 * mebibyte)]);
  writeFileSync(source, content);
  const script = join(root, 'test/support/full-disk.mjs');
  const ran = spawnSync('unshare', ['-m', process.execPath, script, command, newFolder(), source], { encoding: 'utf8' });
  const outcome = JSON.parse(ran.stdout || '{"unavailable":"no unshare"}') as Outcome;
  if (outcome.unavailable !== undefined) return;
  const { full, again, wasPlaced, sha256 } = outcome;
  expect(full.code, JSON.stringify(full.lines)).toBe(1);
  expect(JSON.stringify(full.lines)).toMatch(/no space left|ENOSPC|disk/i);
  expect(wasPlaced).toBe(false);
  expect(again.code, JSON.stringify(again.lines)).toBe(0);
  expect(again.lines.find(({ event }) => event === 'progress')?.bytes).toBeGreaterThan(3 * mebibyte);
  expect(sha256).toBe(createHash('sha256').update(content).digest('hex'));
}, 120_000);
