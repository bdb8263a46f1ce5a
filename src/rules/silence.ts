/**
 * When a client stops believing in a connection. A worker that owes an answer sends something every 250 ms, so silence
 * reveals within a second what takes the transport 13 to 17 s to notice.
 *
 * Invariants: nothing counts as silent before `minSilenceMs` of listening, or before three times the longest recent
 * gap; time in which the client itself was stopped is not listening; any byte ends a silence; nothing is dead that was
 * not silent first.
 */
import { limits } from '../protocol/limits.js';

export const silenceRules = {
  /** How often a client checks. */
  tickMs: 50,
  /** Three missed signs of life. */
  minSilenceMs: 3 * limits.keepaliveMs,
  gapFactor: 3,
  /**
   * Silence this many times the limit ends the connection. A peer that is alive after all, or again, is dialled anew.
   */
  endFactor: 4,
  /** Gaps count as recent for one to two of these. */
  gapWindowMs: 5_000,
  /** A slow uplink, in bytes per millisecond: a worker cannot answer a prompt that is still on its way. */
  uploadBytesPerMs: 64,
} as const;

/** What a client has heard on a connection on which answers are owed. */
export interface Hearing {
  /** Time listened without a byte; negative while a prompt may still be on its way. */
  readonly silentMs: number;
  /** The time up to which that is counted, on the caller's monotonic clock. */
  readonly countedToMs: number;
  readonly longestGapMs: number;
  /** The longest gap of the previous window. */
  readonly earlierGapMs: number;
  readonly windowEndsAtMs: number;
}

export const newHearing = (nowMs: number): Hearing => ({
  silentMs: 0,
  countedToMs: nowMs,
  longestGapMs: 0,
  earlierGapMs: 0,
  windowEndsAtMs: nowMs + silenceRules.gapWindowMs,
});

export const silenceLimitMs = ({ longestGapMs, earlierGapMs }: Hearing): number =>
  Math.max(silenceRules.minSilenceMs, silenceRules.gapFactor * Math.max(longestGapMs, earlierGapMs));

export const isSilent = (hearing: Hearing): boolean => hearing.silentMs > silenceLimitMs(hearing);

export const isDead = (hearing: Hearing): boolean =>
  hearing.silentMs > silenceRules.endFactor * silenceLimitMs(hearing);

/**
 * Time listened since it was last counted. A client that checks much too late was suspended, and did not listen
 * meanwhile.
 */
export function listenedMs({ countedToMs }: Hearing, nowMs: number): number {
  const elapsedMs = nowMs - countedToMs;
  return elapsedMs > 2 * silenceRules.tickMs ? silenceRules.tickMs : elapsedMs;
}

/** Still nothing. */
export const listened = (hearing: Hearing, nowMs: number): Hearing => ({
  ...hearing,
  silentMs: hearing.silentMs + listenedMs(hearing, nowMs),
  countedToMs: nowMs,
});

/**
 * A byte arrived. A gap taken for silence enters the record capped at the limit, or one stop would excuse all that
 * follow.
 */
export function heard(hearing: Hearing, nowMs: number): Hearing {
  const gapMs = Math.min(hearing.silentMs + listenedMs(hearing, nowMs), silenceLimitMs(hearing));
  const isNewWindow = nowMs >= hearing.windowEndsAtMs;
  return {
    silentMs: 0,
    countedToMs: nowMs,
    longestGapMs: isNewWindow ? gapMs : Math.max(hearing.longestGapMs, gapMs),
    earlierGapMs: isNewWindow ? hearing.longestGapMs : hearing.earlierGapMs,
    windowEndsAtMs: isNewWindow ? nowMs + silenceRules.gapWindowMs : hearing.windowEndsAtMs,
  };
}

/** A prompt of this size was sent: an answer is owed from now on. */
export const asked = (hearing: Hearing, bytes: number): Hearing => ({
  ...hearing,
  silentMs: hearing.silentMs - bytes / silenceRules.uploadBytesPerMs,
});

/** Answers are owed again after a while in which none was. The time between was no silence. */
export const resumeHearing = (hearing: Hearing, nowMs: number): Hearing => ({
  ...hearing,
  silentMs: 0,
  countedToMs: nowMs,
});
