/**
 * How many threads an engine computes with while other programs are busy. llama.cpp's threads wait for each other by
 * spinning: if there are as many as cores and another program displaces one, all stall, and decoding falls to a tenth.
 * If that program gets a core, only that core is lost.
 *
 * Invariants: 1..maxThreads; lowered when others use a core for `lowerAfterMs`, raised when they leave it for
 * `raiseAfterMs`, and by no more than every sample in that time allows; use in between, or that comes and goes faster,
 * changes nothing.
 */

export interface Pace {
  readonly threads: number;
  /** The nearest target among the samples of the last `forMs`; equal to `threads` if they call for no change. */
  readonly wanted: number;
  readonly forMs: number;
}

export interface PaceSample {
  /** Length of the measurement. */
  readonly windowMs: number;
  /** Cores that programs other than this engine kept busy. */
  readonly othersCores: number;
}

export interface PaceLimits {
  /** Of the machine. If an engine may use only some of them, other programs are assumed to use the rest first. */
  readonly cores: number;
  readonly maxThreads: number;
}

/** Two windows of a computing engine (engine/load-meter.ts). */
export const lowerAfterMs = 750;
/** Longer than the pauses of a program that is still at work. */
export const raiseAfterMs = 2_900;
/** A core is taken when others use this much of it, and free again when they use no more than `freeCoreUse`. */
export const takenCoreUse = 0.5;
export const freeCoreUse = 0.3;
/** The kernel counts in steps of 10 ms, which would dominate a shorter window. */
export const minWindowMs = 100;

export const fullPace = ({ maxThreads }: PaceLimits): Pace => ({ threads: maxThreads, wanted: maxThreads, forMs: 0 });

export function nextPace(pace: Pace, { windowMs, othersCores }: PaceSample, limits: PaceLimits): Pace {
  if (windowMs < minWindowMs) return pace;
  const { threads } = pace;
  const fewer = threadsBeside(othersCores, takenCoreUse, limits);
  const more = threadsBeside(othersCores, freeCoreUse, limits);
  const [wanted, afterMs] = fewer < threads ? [fewer, lowerAfterMs] : [Math.max(more, threads), raiseAfterMs];
  if (wanted === threads) return { threads, wanted, forMs: 0 };
  const agrees = Math.sign(wanted - threads) === Math.sign(pace.wanted - threads);
  const nearest = agrees && Math.abs(pace.wanted - threads) < Math.abs(wanted - threads) ? pace.wanted : wanted;
  const forMs = (agrees ? pace.forMs : 0) + windowMs;
  return forMs < afterMs ? { threads, wanted: nearest, forMs } : { threads: nearest, wanted: nearest, forMs: 0 };
}

/** @param enough use of a core from which it counts as taken */
function threadsBeside(othersCores: number, enough: number, { cores, maxThreads }: PaceLimits): number {
  const taken = Math.floor(othersCores + 1 - enough);
  return Math.max(1, Math.min(maxThreads, cores - taken));
}
