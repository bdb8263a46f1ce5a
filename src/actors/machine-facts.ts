/** This machine as rules/choose.ts asks for it. A container's limits are those of its machine. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import process from 'node:process';
import type { MachineFacts } from '../rules/choose.js';

/** Of a container on Linux: microseconds of processor time in each period, and the period's length. */
const cpuLimitFile = '/sys/fs/cgroup/cpu.max';

export function readMachine(): MachineFacts {
  const limit = process.constrainedMemory(); // 0 or something huge where there is none
  const memoryBytes = limit > 0 ? Math.min(totalmem(), limit) : totalmem();
  return {
    cores: usableCores(),
    memoryBytes,
    freeMemoryBytes: Math.min(memoryBytes, process.availableMemory()),
  };
}

/** Those that the system lets this process run on, or fewer where it rations time on them. */
export function usableCores(limitFile = cpuLimitFile): number {
  const cores = availableParallelism();
  const [quota, period] = (readText(limitFile) ?? '').split(' ').map(Number);
  if (!quota || !period) return cores;
  return Math.max(1, Math.min(cores, Math.ceil(quota / period)));
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
