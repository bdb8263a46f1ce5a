/**
 * How much of this machine others use: CPU and load without this worker and its engines, so that a machine given to QMesh
 * works at 100 %, and one whose owner starts a game steps back (docs/rules.md).
 */
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';
import type { Clock } from '../runtime/clock.js';
import type { EnginePort } from './ports.js';

/** Linux's USER_HZ, fixed at 100 by its interface: what /proc counts CPU time in. */
const ticksPerSecond = 100;

/** The same engines, and the ids of those that live: what they use is ours. */
export function countEngines(engines: EnginePort): {
  readonly engines: EnginePort;
  readonly pids: () => readonly number[];
} {
  const alive = new Set<number>();
  return {
    pids: () => [...alive],
    engines: {
      spawn: (on) => {
        const engine = engines.spawn({
          ...on,
          exited: (how) => {
            if (engine.pid !== undefined) alive.delete(engine.pid);
            on.exited(how);
          },
        });
        if (engine.pid !== undefined) alive.add(engine.pid);
        return engine;
      },
    },
  };
}

interface Reading {
  readonly atMs: number;
  /** CPU milliseconds of all cores together, since boot. */
  readonly busyMs: number;
  readonly totalMs: number;
  /** CPU milliseconds of ours. */
  readonly ownMs: number;
}

/**
 * @param enginePids the processes besides this one whose use does not count.
 * @returns a function that samples since its last call. Shares are of 0..100.
 */
export function machineLoad(clock: Clock, enginePids: () => readonly number[]) {
  let last = read(clock, []);
  return (): { cpu: number; memory: number; load: number } => {
    const pids = enginePids();
    const now = read(clock, pids);
    const total = Math.max(1, now.totalMs - last.totalMs);
    const cores = Math.max(1, cpus().length);
    // An engine that ended took its time with it: a negative difference is none.
    const own = Math.max(0, now.ownMs - last.ownMs);
    const others = Math.max(0, now.busyMs - last.busyMs - own);
    const ownCores = own / Math.max(1, now.atMs - last.atMs);
    last = now;
    return {
      cpu: (100 * others) / total,
      memory: 100 * (1 - freemem() / totalmem()),
      load: (100 * Math.max(0, (loadavg()[0] ?? 0) - ownCores)) / cores,
    };
  };
}

function read(clock: Clock, pids: readonly number[]): Reading {
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busyMs += busy;
    totalMs += busy + times.idle;
  }
  const { user, system } = process.cpuUsage();
  const engines = pids.reduce((sum, pid) => sum + processMs(pid), 0);
  return { atMs: clock.monotonicMs(), busyMs, totalMs, ownMs: (user + system) / 1000 + engines };
}

/** CPU time of another process. Known on Linux; elsewhere an engine's use counts as the owner's. */
function processMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (1000 / ticksPerSecond) * (Number(fields[11]) + Number(fields[12])); // utime, stime: proc(5)
  } catch {
    return 0;
  }
}
