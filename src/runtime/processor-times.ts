/** The counters of processor time that Node has on every platform. Reading them costs some 0.1 ms. */
import { cpus } from 'node:os';
import process from 'node:process';

/** Since an arbitrary start. */
export interface ProcessorTimes {
  /** Of this process, all its threads. */
  readonly ownMs: number;
  /** Of all cores together, by all programs. */
  readonly busyMs: number;
  readonly totalMs: number;
  /** Of the machine, whether this process may use them or not. */
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
