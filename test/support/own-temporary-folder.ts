/**
 * Gives a test run a temporary folder of its own, and removes it at its end: whatever a test that failed has left, and a process that it
 * killed, nothing of it stays on the machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const prefix = 'qmesh-tests-';

/** What a process is started with so that it finds programs, and leaves nothing anywhere else. */
export const processEnv = { PATH: process.env.PATH, ...(process.env.TMPDIR && { TMPDIR: process.env.TMPDIR }) };

/** Vitest calls this before the first file of each project, and what it returns after the last one of all. */
export default function setup(): (() => void) | undefined {
  if (basename(tmpdir()).startsWith(prefix)) return undefined; // made for an earlier project
  const folder = mkdtempSync(join(tmpdir(), prefix));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
