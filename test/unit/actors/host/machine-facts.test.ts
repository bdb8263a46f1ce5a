/** What this machine has, and what a container's limits take off that. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readMachine } from '../../../../src/actors/host/machine-facts.js';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'qmesh-machine-'))));
afterEach(() => rmSync(root, { recursive: true }));
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

it('without limits it is the machine', () => {
  const machine = readMachine(root);
  expect(machine).toMatchObject({ cores: availableParallelism(), memoryBytes: totalmem() });
  expect(machine.freeMemoryBytes).toBeGreaterThan(0);
});

it('in a container it is what the container may use', () => {
  write('proc/self/cgroup', '0::/\n');
  write('proc/self/mountinfo', '31 23 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n');
  write('sys/fs/cgroup/memory.max', '100000000\n');
  write('sys/fs/cgroup/memory.current', '90000000\n');
  write('sys/fs/cgroup/cpu.max', '50000 100000\n');
  expect(readMachine(root)).toEqual({ cores: 1, memoryBytes: 100_000_000, freeMemoryBytes: 10_000_000 });
});
