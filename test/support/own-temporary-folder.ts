/**
 * Gives a test run its own temporary folder and removes it afterwards, so that failed tests and killed processes leave
 * nothing on the machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const prefix = 'qmesh-tests-';

/** Environment for a child process: it finds programs, and writes nothing outside that folder. */
export const processEnv = { PATH: process.env.PATH, ...(process.env.TMPDIR && { TMPDIR: process.env.TMPDIR }) };

/** Vitest calls this before the first file of each project, and the returned function after the last one of all. */
export default function setup(): (() => void) | undefined {
  if (basename(tmpdir()).startsWith(prefix)) return undefined; // made for an earlier project
  const folder = mkdtempSync(join(tmpdir(), prefix));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
