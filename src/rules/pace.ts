/**
 * How many threads an engine computes with, beside the other programs of the machine. llama.cpp's threads wait for each
 * other by spinning: with as many as there are cores, one that another program displaces stops them all, and decoding falls
 * to a tenth. With one core left to that program it loses only that core.
 *
 * Invariants: 1..maxThreads; lowered when others use a core for `lowerAfterMs`, raised when they leave it for
 * `raiseAfterMs`, and by no more than every sample of that time allowed; a use in between, or one that comes and goes faster, changes nothing.
 */

export interface Pace {
  readonly threads: number;
  /** What the samples of the last `forMs` would change it to, the nearest of them; `threads` where they would not. */
  readonly wanted: number;
  readonly forMs: number;
}

export interface PaceSample {
  /** How long was looked. */
  readonly windowMs: number;
  /** Cores that programs other than this engine kept busy meanwhile. */
  readonly othersCores: number;
}

export interface PaceLimits {
  /** Of the machine. Where an engine may use some of them only, others are taken to use the rest first. */
  readonly cores: number;
  readonly maxThreads: number;
}

/** Two windows of an engine that computes (engine/load-meter.ts). */
export const lowerAfterMs = 750;
/** Longer than the pauses of a program that is still at work. */
export const raiseAfterMs = 2_900;
/** A core is taken when others use this much of it, and free again when they use no more than `freeCoreUse`. */
export const takenCoreUse = 0.5;
export const freeCoreUse = 0.3;
/** The kernel counts in steps of 10 ms: in a shorter window they are most of what is seen. */
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

/** @param enough how much of a core must be used for it to count as taken */
function threadsBeside(othersCores: number, enough: number, { cores, maxThreads }: PaceLimits): number {
  const taken = Math.floor(othersCores + 1 - enough);
  return Math.max(1, Math.min(maxThreads, cores - taken));
}
