/**
 * What others use of this machine, from two readings of its counters: a machine given to QMesh works at 100 %, and one whose
 * owner starts a game steps back. Where a worker may use some of the cores only, as in a container, others are taken to use the rest first.
 *
 * Invariants: shares are within 0..100; what this worker and its engines use raises none of them, unless it is told to count; of two workers
 * on one machine, the one that may use fewer cores never sees more of its own used by others.
 */

/** Counters of processor time run since an arbitrary start. */
export interface MachineReading {
  readonly atMs: number;
  /** Of all cores together, by all programs. */
  readonly busyMs: number;
  readonly totalMs: number;
  /** Of this worker and its engines. */
  readonly ownMs: number;
  readonly cores: number;
  /** Of them, those that this worker may use. */
  readonly usableCores: number;
  /** Programs that ran or waited to run, over the last minute. Undefined where the system does not say (Windows). */
  readonly loadAverage: number | undefined;
}

export interface MachineUse {
  /** Share of the usable cores. */
  readonly cpu: number;
  readonly load: number;
  /** Of all cores, by all programs, ours included: 0..1. */
  readonly busyShare: number;
  /** Cores, as the kernel averages its load: what is ours in it, and what the others' use alone would make it. */
  readonly ownLoad: number;
  readonly othersLoad: number;
}

export const nothingUsed: MachineUse = { cpu: 0, load: 0, busyShare: 0, ownLoad: 0, othersLoad: 0 };

/** The kernel's load average of one minute forgets at this pace. */
export const loadAverageMs = 60_000;

/**
 * What was used between two readings. Load averages are kept as the kernel keeps its own: they decay with loadAverageMs.
 * @param countsOwn whether what is ours counts as the others'
 */
export function machineUse(
  last: { readonly reading: MachineReading; readonly use: MachineUse },
  now: MachineReading,
  countsOwn: boolean,
): MachineUse {
  const before = last.reading;
  const windowMs = Math.max(1, now.atMs - before.atMs);
  const busyShare = ratio(now.busyMs - before.busyMs, now.totalMs - before.totalMs);
  const busyCores = busyShare * now.cores;
  const ownCores = Math.min(busyCores, Math.max(0, now.ownMs - before.ownMs) / windowMs);
  const othersCores = busyCores - ownCores;
  const kept = Math.exp(-windowMs / loadAverageMs);
  const ownLoad = kept * last.use.ownLoad + (1 - kept) * ownCores;
  const othersLoad = kept * last.use.othersLoad + (1 - kept) * othersCores;
  const foreignLoad = now.loadAverage === undefined ? othersLoad : Math.max(0, now.loadAverage - ownLoad);
  const others = (cores: number): number => Math.max(0, cores - (now.cores - now.usableCores));
  return {
    cpu: percent((others(othersCores) + (countsOwn ? ownCores : 0)) / now.usableCores),
    load: percent((others(foreignLoad) + (countsOwn ? ownLoad : 0)) / now.usableCores),
    busyShare,
    ownLoad,
    othersLoad,
  };
}

export interface MemoryReading {
  readonly totalBytes: number;
  /** What programs could still have, caches that would give way included. */
  readonly availableBytes: number;
  /** What did not fit and lies on disk. */
  readonly swapUsedBytes: number;
}

/** Memory that is swapped out counts as used: it is missed as soon as it is needed. */
export const memoryUse = ({ totalBytes, availableBytes, swapUsedBytes }: MemoryReading): number =>
  percent(ratio(totalBytes - availableBytes + swapUsedBytes, totalBytes));

const ratio = (part: number, whole: number): number => (whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0);
const percent = (share: number): number => 100 * Math.min(1, Math.max(0, share));
