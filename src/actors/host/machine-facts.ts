/** This machine as rules/choose.ts asks for it. A container's limits are those of its machine. */
import { readFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { MachineFacts } from '../../rules/choose.js';

/** Where Linux says what a container may use. */
const containerFolder = '/sys/fs/cgroup';

/** @param folder another one, for tests. */
export function readMachine(folder = containerFolder): MachineFacts {
  const { limitBytes, usedBytes } = containerMemory(folder);
  return {
    cores: usableCores(folder),
    memoryBytes: Math.min(totalmem(), limitBytes),
    freeMemoryBytes: Math.max(0, Math.min(freemem(), limitBytes - usedBytes)),
  };
}

/** Those that the system lets this process run on, or fewer where it rations time on them. */
export function usableCores(folder = containerFolder): number {
  const cores = availableParallelism();
  // microseconds of processor time in each period, and the period's length
  const [quota, period] = readText(join(folder, 'cpu.max')).split(' ').map(Number);
  if (!quota || !period) return cores;
  return Math.max(1, Math.min(cores, Math.ceil(quota / period)));
}

/** Pages of files are given back when somebody needs memory: a model that was just read does not count as used. */
function containerMemory(folder: string): { readonly limitBytes: number; readonly usedBytes: number } {
  const limitBytes = Number(readText(join(folder, 'memory.max')) || Infinity); // 'max' is none
  const fileBytes = Number(/^file (\d+)$/m.exec(readText(join(folder, 'memory.stat')))?.[1] ?? 0);
  const currentBytes = Number(readText(join(folder, 'memory.current')) || 0);
  return { limitBytes: limitBytes > 0 ? limitBytes : Infinity, usedBytes: Math.max(0, currentBytes - fileBytes) };
}

/** '' where there is no such file. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
