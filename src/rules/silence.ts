/**
 * When a client no longer believes in a connection. A worker that owes an answer says something every 250 ms, so silence tells
 * within a second what the transport itself notices after 13 to 17.
 *
 * Invariants: nothing is silent before `minSilenceMs` of listening, nor before three times the longest gap of late; time in which
 * the client itself stood still is not listening; a byte ends every silence; nobody is dead who was not silent before.
 */
import { limits } from '../protocol/limits.js';

export const silenceRules = {
  /** How often a client looks. */
  tickMs: 50,
  /** Three missed signs of life. */
  minSilenceMs: 3 * limits.keepaliveMs,
  gapFactor: 3,
  /** Silence so many times the limit is the end of the connection: who is there after all, or again, is dialled anew. */
  endFactor: 4,
  /** Gaps count as recent for one to two of these. */
  gapWindowMs: 5_000,
  /** A slow line, in bytes a millisecond: a worker cannot answer a prompt that is still on its way. */
  uploadBytesPerMs: 64,
} as const;

/** What a client has heard on one connection while answers are owed there. */
export interface Hearing {
  /** Listened to in vain; below zero while a prompt may be on its way. */
  readonly silentMs: number;
  /** Up to when that is counted, on the caller's monotonic clock. */
  readonly countedToMs: number;
  readonly longestGapMs: number;
  /** Of the window before. */
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

/** Time listened since it was last counted. One who looks much too late has slept, and has not listened meanwhile. */
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

/** A byte came. Of a gap that was held for silence only so much counts as its pace, or one stop would excuse all that follow. */
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

/** A prompt of so many bytes was sent: from now on an answer is owed, or one more. */
export const asked = (hearing: Hearing, bytes: number): Hearing => ({
  ...hearing,
  silentMs: hearing.silentMs - bytes / silenceRules.uploadBytesPerMs,
});

/** Answers are owed again after a while in which none was: what passed meanwhile was no silence. */
export const resumeHearing = (hearing: Hearing, nowMs: number): Hearing => ({
  ...hearing,
  silentMs: 0,
  countedToMs: nowMs,
});
