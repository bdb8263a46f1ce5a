/**
 * What a client holds against a worker whose answers failed spot checks, and for how long it asks others instead. A first failed check
 * avoids it for an hour, each further one for twice as long, up to a day. A failed check is one worker's word against another's, so it
 * also counts against the one that gives it: who has called the work of n others bad is worth 1 / (1 + n) of a word, and less again
 * where its own work was called bad. All of it fades with a half-life of a day. Good checks mend nothing: who lies seldom still lies.
 *
 * Invariants: nobody is avoided without a failed check, nor for longer than a day after the last one; a heavier word never avoids for
 * a shorter time; whatever one worker says at once of n others that nothing is held against, it has them avoided for no more than
 * 1 + ln n hours in all.
 */
import type { SpotCheckVerdict } from './spot-check.js';

export const suspicionRules = { halfLifeMs: 86_400_000, firstMs: 3_600_000, longestMs: 86_400_000 } as const;

/** Times are on the client's monotonic clock: it does not outlive the process. */
export interface Suspicion {
  /** Failed checks of its answers, each by the weight of the word, as they were at `atMs`. */
  readonly failed: number;
  /** Failed checks that it reported of others, as they were at `atMs`. */
  readonly reported: number;
  readonly atMs: number;
  readonly avoidedUntilMs: number;
}

export const noSuspicion: Suspicion = { failed: 0, reported: 0, atMs: 0, avoidedUntilMs: -Infinity };

/** Whether this verdict speaks against who made the text; one that this version does not know does not. */
export const isFailed = (verdict: string): boolean => failedVerdicts.includes(verdict);

const failedVerdicts: readonly string[] = ['improbable', 'cut_short'] satisfies SpotCheckVerdict[];

export const isAvoided = ({ avoidedUntilMs }: Suspicion, nowMs: number): boolean => nowMs < avoidedUntilMs;

/** What a failed check is worth that this worker reports: from 0 to 1. */
export function weightOf(suspicion: Suspicion, nowMs: number): number {
  const { failed, reported } = faded(suspicion, nowMs);
  return 1 / (1 + failed + reported);
}

/** After an answer of this worker failed a check. @param weight of the word of the one that checked it */
export function suspected(before: Suspicion, weight: number, nowMs: number): Suspicion {
  const { firstMs, longestMs } = suspicionRules;
  const now = faded(before, nowMs);
  const avoidMs = Math.min(longestMs, weight * firstMs * 2 ** now.failed);
  return { ...now, failed: now.failed + weight, avoidedUntilMs: Math.max(now.avoidedUntilMs, nowMs + avoidMs) };
}

/** After this worker said that another one's answer fails. */
export function reporting(before: Suspicion, nowMs: number): Suspicion {
  const now = faded(before, nowMs);
  return { ...now, reported: now.reported + 1 };
}

function faded(suspicion: Suspicion, nowMs: number): Suspicion {
  const left = 2 ** (-Math.max(0, nowMs - suspicion.atMs) / suspicionRules.halfLifeMs);
  return { ...suspicion, failed: left * suspicion.failed, reported: left * suspicion.reported, atMs: nowMs };
}
