/** The decisions of a model fetch: whether it may start, when a seeder has stalled, and when to retry. */
import { backoffMs, type Backoff } from './backoff.js';
import { inGb } from './gigabytes.js';

/** Space kept free beside the model, since other programs write too. */
export const spareDiskBytes = 512 * 2 ** 20;

export interface Room {
  /** Of the whole file. */
  readonly fileBytes: number;
  /** Bytes of it that an earlier try left on this disk. */
  readonly alreadyBytes: number;
  readonly freeDiskBytes: number;
  /** Estimated memory to load it; undefined while its header is unknown. */
  readonly neededMemoryBytes: number | undefined;
  /**
   * The machine's total, not what is free now: other programs can be closed, memory cannot be bought for a download.
   */
  readonly memoryBytes: number;
}

/** Why a fetch cannot succeed on this machine, or undefined. Checked before the first byte. */
export function whyNoRoom(room: Room): string | undefined {
  const missing = room.fileBytes - room.alreadyBytes + spareDiskBytes - room.freeDiskBytes;
  if (missing > 0)
    return (
      `the disk has ${inGb(room.freeDiskBytes)} free, and the model takes ${inGb(room.fileBytes - room.alreadyBytes)} ` +
      `(${inGb(spareDiskBytes)} are kept free); make room for ${inGb(missing)}, or set QMESH_MODELS to a folder on another disk`
    );
  if (room.neededMemoryBytes !== undefined && room.neededMemoryBytes > room.memoryBytes)
    return (
      `to serve it takes about ${inGb(room.neededMemoryBytes)} of memory, and this machine has ${inGb(room.memoryBytes)}; ` +
      'choose a smaller model'
    );
  return undefined;
}

/** A block of 1 MiB in this time is 35 KB/s. A slower seeder is left if there are others. */
export const seederStallMs = 30_000;
/** The limit for an only seeder: one that limits its uplink and serves others too is not broken. */
export const onlySeederStallMs = 120_000;

export interface SeederWatch {
  /** Unanswered requests. */
  readonly open: number;
  /** Since its last block, or since it was first asked. */
  readonly silentMs: number;
  readonly isOnlyOne: boolean;
}

/** A seeder that accepted requests and delivers nothing. */
export const isStalled = (
  { open, silentMs, isOnlyOne }: SeederWatch,
  limits = { seederStallMs, onlySeederStallMs },
): boolean => open > 0 && silentMs >= (isOnlyOne ? limits.onlySeederStallMs : limits.seederStallMs);

/** A fellow node (one fetching the same model) that owes a block for longer than this is not waited for. */
const fellowSilenceMs = 5_000;
/** Nor is one that takes this many times as long per block as a complete seeder. */
const fellowSlowness = 4;

export interface FellowPace {
  /** Since it last delivered, while it owes a block. */
  readonly silentMs: number;
  /** Its time per block, and a complete seeder's; undefined before the first. */
  readonly blockMs: number | undefined;
  readonly seederBlockMs: number | undefined;
}

/** Whether to get a block from a fellow that has it, so that the seeder on which all depend sends it only once. */
export const isWorthWaiting = ({ silentMs, blockMs = 0, seederBlockMs = Infinity }: FellowPace): boolean =>
  silentMs < fellowSilenceMs && blockMs <= seederBlockMs * fellowSlowness;

/** Consecutive tries that brought next to nothing, after which the source has failed. */
export const maxBarrenTries = 6;
/** A try that brought this much resets the count: the line breaks, but works. */
export const fruitfulBytes = 1 << 20;
const retrying: Backoff = { firstMs: 500, longestMs: 30_000 };

/**
 * @param chance uniform in [0, 1): half of the delay is random, so that many nodes that lost one server do not return
 * at once
 */
export const retryDelayMs = (barrenTries: number, chance: number): number =>
  backoffMs(retrying, barrenTries) * (0.5 + chance / 2);
