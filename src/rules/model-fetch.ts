/**
 * What decides a fetch of a model: whether it may begin, when somebody it fetches from has stalled, when to try again.
 */
import { backoffMs, type Backoff } from './backoff.js';

/** Room that a disk keeps beside what is fetched: other programs write, too. */
export const spareDiskBytes = 512 * 2 ** 20;

export interface Room {
  /** Of the whole file. */
  readonly fileBytes: number;
  /** What of it an earlier try left on this disk. */
  readonly alreadyBytes: number;
  readonly freeDiskBytes: number;
  /** To load it, as estimated; undefined where its header is not known yet. */
  readonly neededMemoryBytes: number | undefined;
  /** Of the machine, not free at this moment: other programs can be closed, memory cannot be bought for a download. */
  readonly memoryBytes: number;
}

/** Why a fetch cannot end well on this machine; undefined where it can. Asked before the first byte. */
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

/** A block of 1 MiB in this time is 35 KB/s: who is slower is left, while there are others. */
export const seederStallMs = 30_000;
/** The only seeder may be this slow. One that limits its uplink, and has others to serve, is not one that is broken. */
export const onlySeederStallMs = 120_000;

export interface SeederWatch {
  /** Requests that it has not answered. */
  readonly open: number;
  /** Since its last block, or since it was first asked. */
  readonly silentMs: number;
  readonly isOnlyOne: boolean;
}

/** A seeder that took requests and brings nothing. */
export const isStalled = (
  { open, silentMs, isOnlyOne }: SeederWatch,
  limits = { seederStallMs, onlySeederStallMs },
): boolean => open > 0 && silentMs >= (isOnlyOne ? limits.onlySeederStallMs : limits.seederStallMs);

/** A fellow that owes a block for longer is not waited for: others are asked for what it has. */
const fellowSilenceMs = 5_000;
/** Nor is one that takes so many times as long for a block as who has it all. */
const fellowSlowness = 4;

export interface FellowPace {
  /** Since it brought something, while it owes a block. */
  readonly silentMs: number;
  /** What it takes for a block, and what a seeder takes; undefined before the first. */
  readonly blockMs: number | undefined;
  readonly seederBlockMs: number | undefined;
}

/** Whether a block is left to a fellow that has it, so that the seeder all hang on sends it once. */
export const isWorthWaiting = ({ silentMs, blockMs = 0, seederBlockMs = Infinity }: FellowPace): boolean =>
  silentMs < fellowSilenceMs && blockMs <= seederBlockMs * fellowSlowness;

/** Tries in a row that brought next to nothing; then the source has failed. */
export const maxBarrenTries = 6;
/** A try that brought this much counts as the first again: the line breaks, but it works. */
export const fruitfulBytes = 1 << 20;
const retrying: Backoff = { firstMs: 500, longestMs: 30_000 };

/** @param chance uniform in [0, 1): half of the wait is left to it, so that many who lost one server do not come back at once. */
export const retryDelayMs = (barrenTries: number, chance: number): number =>
  backoffMs(retrying, barrenTries) * (0.5 + chance / 2);

const inGb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
