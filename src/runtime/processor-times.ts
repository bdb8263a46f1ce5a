/** CPU time counters that Node has on every platform. Reading them takes about 0.1 ms. */
import { cpus } from 'node:os';
import process from 'node:process';

/** Since an arbitrary start. */
export interface ProcessorTimes {
  /** Used by this process, all threads. */
  readonly ownMs: number;
  /** Used on all cores by all programs. */
  readonly busyMs: number;
  readonly totalMs: number;
  /** Of the machine, including cores this process may not use. */
  readonly cores: number;
}

export function readProcessorTimes(): ProcessorTimes {
  let busyMs = 0;
  let totalMs = 0;
  const cores = cpus();
  for (const { times } of cores) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busyMs += busy;
    totalMs += busy + times.idle;
  }
  const { user, system } = process.cpuUsage();
  return { ownMs: (user + system) / 1000, busyMs, totalMs, cores: Math.max(1, cores.length) };
}
