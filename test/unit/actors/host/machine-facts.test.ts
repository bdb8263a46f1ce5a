/** What this machine has, and what a container's files take off that. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readMachine } from '../../../../src/actors/host/machine-facts.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'qmesh-cgroup-'))));
afterEach(() => rmSync(folder, { recursive: true }));
const write = (files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`);
};

it('without limits it is the machine', () => {
  const machine = readMachine(folder);
  expect(machine).toMatchObject({ cores: availableParallelism(), memoryBytes: totalmem() });
  expect(machine.freeMemoryBytes).toBeGreaterThan(0);
  write({ 'cpu.max': 'max 100000', 'memory.max': 'max', 'memory.current': '5000000', 'memory.stat': 'anon 1\nfile 2' });
  expect(readMachine(folder)).toMatchObject({ cores: machine.cores, memoryBytes: machine.memoryBytes });
});

it('a share of time is so many cores, rounded up, and at least one', () => {
  const cores = (max: string): number => {
    write({ 'cpu.max': max });
    return readMachine(folder).cores;
  };
  expect(cores('100000 100000')).toBe(1);
  expect(cores('20000 100000')).toBe(1);
  expect(cores('150000 100000')).toBe(Math.min(2, availableParallelism()));
  expect(cores('99900000 100000')).toBe(availableParallelism());
});

it('what a container has in use counts, but for the pages of files that it has read', () => {
  const limit = 100_000_000;
  write({
    'memory.max': `${limit}`,
    'memory.current': '90000000',
    'memory.stat': 'anon 5\nfile 70000000\nfile_dirty 3',
  });
  expect(readMachine(folder)).toMatchObject({ memoryBytes: limit, freeMemoryBytes: 80_000_000 });
});
