/**
 * What other programs use of this machine, from two readings of its counters. A machine given to QMesh works at 100 %,
 * and one whose owner starts a game steps back.
 *
 * Invariants: shares are within 0..100; use by this worker and its engines raises none of them, unless it is set to
 * count.
 */

/** A reading of processor-time counters, which start at an arbitrary time. */
export interface MachineReading {
  readonly atMs: number;
  /** All cores together, all programs. */
  readonly busyMs: number;
  readonly totalMs: number;
  /** This worker and its engines. */
  readonly ownMs: number;
  readonly cores: number;
  /** The part of them that this worker may use. */
  readonly usableCores: number;
  /** Programs running or waiting to run, averaged over the last minute. Undefined on systems without it (Windows). */
  readonly loadAverage: number | undefined;
}

export interface MachineUse {
  /** Share of the usable cores. */
  readonly cpu: number;
  readonly load: number;
  /** Share of all cores in use by all programs, ours included: 0..1. */
  readonly busyShare: number;
  /** In cores, averaged the way the kernel averages its load: our part, and what the others' use alone would give. */
  readonly ownLoad: number;
  readonly othersLoad: number;
}

export const nothingUsed: MachineUse = { cpu: 0, load: 0, busyShare: 0, ownLoad: 0, othersLoad: 0 };

/** Decay time of the kernel's one-minute load average. */
export const loadAverageMs = 60_000;

/**
 * Use between two readings. Load averages decay with loadAverageMs, like the kernel's own.
 * @param countsOwn whether our own use counts like other programs'
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
  /** What programs could still allocate, reclaimable caches included. */
  readonly availableBytes: number;
  /** Swapped out. */
  readonly swapUsedBytes: number;
}

/** Swapped-out memory counts as used: it is missed as soon as it is needed. */
export const memoryUse = ({ totalBytes, availableBytes, swapUsedBytes }: MemoryReading): number =>
  percent(ratio(totalBytes - availableBytes + swapUsedBytes, totalBytes));

const ratio = (part: number, whole: number): number => (whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0);
const percent = (share: number): number => 100 * Math.min(1, Math.max(0, share));
