/** Limits of control groups as Linux writes them, in the layouts that containers and services have. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryLimits, usableCores } from '../../../src/runtime/container-limits.js';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'qmesh-cgroup-'))));
afterEach(() => rmSync(root, { recursive: true }));

const write = (folder: string, files: Readonly<Record<string, string>>): void => {
  mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, folder, name), `${text}\n`);
};
/** @param groups of `/proc/self/cgroup` @param mounts of `/proc/self/mountinfo`, after those that are no control groups. */
const layout = (groups: string, ...mounts: string[]): void =>
  write('proc/self', {
    cgroup: groups,
    mountinfo: ['23 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw', ...mounts].join('\n'),
  });
const version2 = '31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate';
const top = 'sys/fs/cgroup';
const none = { limitBytes: Infinity, availableBytes: Infinity, swapUsedBytes: 0 };

it('nothing is limited where there are no groups, or none with a limit', () => {
  expect(memoryLimits(root)).toEqual(none);
  expect(usableCores(root)).toBe(availableParallelism());
  layout('0::/', version2);
  write(top, { 'cpu.max': 'max 100000', 'memory.max': 'max', 'memory.high': 'max', 'memory.current': '5000000' });
  expect(memoryLimits(root)).toEqual(none);
  expect(usableCores(root)).toBe(availableParallelism());
});

describe('version 2', () => {
  it('a share of time is so many cores, rounded up, and at least one', () => {
    layout('0::/', version2);
    const cores = (max: string): number => {
      write(top, { 'cpu.max': max });
      return usableCores(root);
    };
    expect(cores('100000 100000')).toBe(1);
    expect(cores('20000 100000')).toBe(1);
    expect(cores('150000 100000')).toBe(Math.min(2, availableParallelism()));
    expect(cores('99900000 100000')).toBe(availableParallelism());
  });

  it('pages of files do not count as used, but a memory file system does', () => {
    layout('0::/', version2);
    const stat = 'anon 5\nfile 75000000\nshmem 5000000\ninactive_file 60000000\nactive_file 10000000';
    write(top, { 'memory.max': '100000000', 'memory.current': '90000000', 'memory.stat': stat });
    write(top, { 'memory.swap.current': '7000' });
    expect(memoryLimits(root)).toEqual({ limitBytes: 100_000_000, availableBytes: 80_000_000, swapUsedBytes: 7_000 });
  });

  it('of a service its own group counts, its upper bound for throttling too, and every group around it', () => {
    layout('0::/machine.slice/qmesh.service', version2);
    write(`${top}/machine.slice`, { 'memory.max': '4000', 'memory.current': '3500', 'cpu.max': '100000 100000' });
    write(`${top}/machine.slice/qmesh.service`, { 'memory.max': '5000', 'memory.high': '3000', 'memory.current': '9' });
    expect(memoryLimits(root)).toEqual({ limitBytes: 3_000, availableBytes: 500, swapUsedBytes: 0 });
    expect(usableCores(root)).toBe(1);
  });
});

describe('version 1', () => {
  it('each controller has a tree of its own, of which a container sees its part', () => {
    layout(
      '4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/docker/abc',
      '32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct',
      '35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory',
    );
    write(`${top}/cpu,cpuacct`, { 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '100000' });
    const stat = 'inactive_file 1\ntotal_swap 44\ntotal_inactive_file 200\ntotal_active_file 100';
    write(`${top}/memory`, { 'memory.limit_in_bytes': '1000', 'memory.usage_in_bytes': '700', 'memory.stat': stat });
    expect(memoryLimits(root)).toEqual({ limitBytes: 1_000, availableBytes: 600, swapUsedBytes: 44 });
    expect(usableCores(root)).toBe(1);
  });

  it('the largest number and -1 are no limit', () => {
    layout(
      '4:memory:/\n1:cpu:/\n0::/',
      '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
      '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    );
    write(`${top}/cpu`, { 'cpu.cfs_quota_us': '-1', 'cpu.cfs_period_us': '100000' });
    write(`${top}/memory`, { 'memory.limit_in_bytes': '9223372036854771712', 'memory.usage_in_bytes': '700' });
    expect(memoryLimits(root)).toEqual(none);
    expect(usableCores(root)).toBe(availableParallelism());
  });
});

it('a group outside of what is mounted here is the mounted one', () => {
  layout('0::/../../elsewhere', version2);
  write(top, { 'memory.max': '1000', 'memory.current': '400' });
  expect(memoryLimits(root)).toEqual({ limitBytes: 1_000, availableBytes: 600, swapUsedBytes: 0 });
});
