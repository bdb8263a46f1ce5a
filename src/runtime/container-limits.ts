/**
 * What a container or a systemd service lets this process use: the limits of its Linux control groups, version 1 or 2.
 * Each group is also limited by its ancestors, so all of them count, as far up as they are visible. Other systems have
 * no limits.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, posix } from 'node:path';

export interface MemoryLimits {
  /** Infinity if there is none. */
  readonly limitBytes: number;
  /**
   * What is left below the limit. Cached file pages are reclaimed when memory is short, so they do not count as used.
   */
  readonly availableBytes: number;
  /** What the limited group has swapped out. */
  readonly swapUsedBytes: number;
}

const unlimited: MemoryLimits = { limitBytes: Infinity, availableBytes: Infinity, swapUsedBytes: 0 };

/** @param root of the file system; tests pass another one. */
export function memoryLimits(root = '/'): MemoryLimits {
  const { folders, version } = groupsOf('memory', root);
  const all = folders.map(version === 2 ? memoryOfGroup2 : memoryOfGroup1);
  const [strictest = unlimited] = all.sort((a, b) => a.limitBytes - b.limitBytes);
  return { ...strictest, availableBytes: Math.min(Infinity, ...all.map(({ availableBytes }) => availableBytes)) };
}

/** Cores that this process may run on, or fewer if it gets only a share of their time; at least one. */
export function usableCores(root = '/'): number {
  const { folders, version } = groupsOf('cpu', root);
  const shares = folders.map(version === 2 ? coresOfGroup2 : coresOfGroup1);
  return Math.max(1, Math.ceil(Math.min(availableParallelism(), ...shares)));
}

interface Groups {
  readonly version: 1 | 2;
  /** This process's group, then its ancestors. */
  readonly folders: readonly string[];
}

/** If a system has both versions of a controller, version 1 is the one in use. */
function groupsOf(controller: 'memory' | 'cpu', root: string): Groups {
  const lines = read(join(root, 'proc/self/cgroup')).split('\n');
  const groups = lines.map((line) => /^\d+:(?<controllers>[^:]*):(?<path>.*)$/.exec(line)?.groups ?? {});
  const first = groups.find(({ controllers }) => controllers?.split(',').includes(controller));
  const path = (first ?? groups.find(({ controllers }) => controllers === ''))?.path;
  const version = first === undefined ? 2 : 1;
  const mount = mountsIn(root).find(({ type, options }) =>
    version === 1 ? type === 'cgroup' && options.includes(controller) : type === 'cgroup2',
  );
  if (path === undefined || mount === undefined) return { version, folders: [] };
  const inside = posix.relative(mount.of, path);
  const steps = inside.startsWith('..') ? [] : inside.split('/').filter((step) => step !== '');
  const folders = steps.map((_, at) => join(root, mount.at, ...steps.slice(0, steps.length - at)));
  return { version, folders: [...folders, join(root, mount.at)] };
}

interface Mount {
  /** The mounted folder of the file system: in a container, often the container's own group. */
  readonly of: string;
  readonly at: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** `31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw` */
const mountsIn = (root: string): readonly Mount[] =>
  read(join(root, 'proc/self/mountinfo'))
    .split('\n')
    .map((line) => {
      const [mount = '', source = ''] = line.split(' - ');
      const [, , , of = '/', at = '/'] = mount.split(' ');
      const [type = '', , options = ''] = source.split(' ');
      return { of, at, type, options: options.split(',') };
    });

function memoryOfGroup2(folder: string): MemoryLimits {
  // above `high`, the kernel throttles a group until it hardly makes progress
  const limitBytes = Math.min(limitIn(folder, 'memory.max'), limitIn(folder, 'memory.high'));
  const fileBytes = countIn(folder, 'memory.stat', 'inactive_file') + countIn(folder, 'memory.stat', 'active_file');
  const usedBytes = numberIn(folder, 'memory.current') - fileBytes;
  return memoryLeft(limitBytes, usedBytes, numberIn(folder, 'memory.swap.current'));
}

function memoryOfGroup1(folder: string): MemoryLimits {
  const limitBytes = limitIn(folder, 'memory.limit_in_bytes');
  const fileBytes =
    countIn(folder, 'memory.stat', 'total_inactive_file') + countIn(folder, 'memory.stat', 'total_active_file');
  const usedBytes = numberIn(folder, 'memory.usage_in_bytes') - fileBytes;
  return memoryLeft(limitBytes, usedBytes, countIn(folder, 'memory.stat', 'total_swap'));
}

/** Version 1 writes "no limit" as the largest number the kernel can count. */
const noLimitBytes = 2 ** 60;

function memoryLeft(limitBytes: number, usedBytes: number, swapUsedBytes: number): MemoryLimits {
  if (limitBytes >= noLimitBytes) return unlimited;
  const availableBytes = Math.min(limitBytes, Math.max(0, limitBytes - Math.max(0, usedBytes)));
  return { limitBytes, availableBytes, swapUsedBytes };
}

/** The file holds microseconds of CPU time per period, or `max`, and the length of the period. */
function coresOfGroup2(folder: string): number {
  const [quota = 0, period = 0] = read(join(folder, 'cpu.max')).split(' ').map(Number);
  return quota > 0 && period > 0 ? quota / period : Infinity;
}

function coresOfGroup1(folder: string): number {
  const quota = numberIn(folder, 'cpu.cfs_quota_us'); // -1: no limit
  const period = numberIn(folder, 'cpu.cfs_period_us');
  return quota > 0 && period > 0 ? quota / period : Infinity;
}

const numberIn = (folder: string, name: string): number => Number(read(join(folder, name))) || 0;

/** `max` and a missing file both mean no limit. */
const limitIn = (folder: string, name: string): number => numberIn(folder, name) || Infinity;

const countIn = (folder: string, name: string, key: string): number =>
  Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(read(join(folder, name)))?.[1] ?? 0);

/** '' if there is no such file. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
