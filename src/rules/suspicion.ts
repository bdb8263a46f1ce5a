/**
 * What a client holds against a worker whose answers failed spot checks, and how long it prefers others. The first
 * failed check avoids the worker for an hour, each further one for twice as long, up to a day. A failed check is one
 * worker's word against another's, so it also counts against the reporter: one that has denounced n others weighs 1 /
 * (1 + n), and less if its own work failed. Everything decays with a half-life of a day. Passed checks repair nothing:
 * who lies rarely still lies.
 *
 * Invariants: nobody is avoided without a failed check, or for longer than a day after the last one; a heavier word
 * never avoids for a shorter time; a worker that denounces n blameless others at once gets them avoided for at most 1 +
 * ln n hours in all.
 */
import type { SpotCheckVerdict } from './spot-check.js';

export const suspicionRules = { halfLifeMs: 86_400_000, firstMs: 3_600_000, longestMs: 86_400_000 } as const;

/** Times are on the client's monotonic clock, since this does not outlive the process. */
export interface Suspicion {
  /** Failed checks of its answers, each by the weight of the reporter, as of `atMs`. */
  readonly failed: number;
  /** Failed checks it reported of others, as of `atMs`. */
  readonly reported: number;
  readonly atMs: number;
  readonly avoidedUntilMs: number;
}

export const noSuspicion: Suspicion = { failed: 0, reported: 0, atMs: 0, avoidedUntilMs: -Infinity };

/** Whether this verdict counts against the author of the text. One unknown to this version does not. */
export const isFailed = (verdict: string): boolean => failedVerdicts.includes(verdict);

const failedVerdicts: readonly string[] = ['improbable', 'cut_short'] satisfies SpotCheckVerdict[];

export const isAvoided = ({ avoidedUntilMs }: Suspicion, nowMs: number): boolean => nowMs < avoidedUntilMs;

/** The weight of a failed check reported by this worker: 0 to 1. */
export function weightOf(suspicion: Suspicion, nowMs: number): number {
  const { failed, reported } = faded(suspicion, nowMs);
  return 1 / (1 + failed + reported);
}

/** After an answer of this worker failed a check. @param weight of the worker that checked it */
export function suspected(before: Suspicion, weight: number, nowMs: number): Suspicion {
  const { firstMs, longestMs } = suspicionRules;
  const now = faded(before, nowMs);
  const avoidMs = Math.min(longestMs, weight * firstMs * 2 ** now.failed);
  return { ...now, failed: now.failed + weight, avoidedUntilMs: Math.max(now.avoidedUntilMs, nowMs + avoidMs) };
}

/** After this worker reported a failed check of another. */
export function reporting(before: Suspicion, nowMs: number): Suspicion {
  const now = faded(before, nowMs);
  return { ...now, reported: now.reported + 1 };
}

function faded(suspicion: Suspicion, nowMs: number): Suspicion {
  const left = 2 ** (-Math.max(0, nowMs - suspicion.atMs) / suspicionRules.halfLifeMs);
  return { ...suspicion, failed: left * suspicion.failed, reported: left * suspicion.reported, atMs: nowMs };
}
