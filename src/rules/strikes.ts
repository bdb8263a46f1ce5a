/**
 * What a worker holds against a client, and when that is enough. Strikes fade with a half-life of 10 minutes; at 10 (to the nearest
 * whole one) the client is banned for 10 minutes, and each further ban lasts twice as long, up to a day. A ban takes the strikes
 * with it. The doubling is forgotten a day after the last ban has ended.
 *
 * Invariants: strikes never grow by themselves; fewer than 10 strikes ban nobody; no ban is shorter than the one before it within
 * that day, nor longer than a day; a ban ends when it was said to end, unless it is earned anew.
 */

export type StrikeKind =
  | 'malformed_frame'
  | 'bad_signature'
  | 'conflicting_order'
  | 'unacknowledged_result'
  | 'useless_work'
  /** It killed an engine (blame.ts). */
  | 'deadly_request';

export const strikeRules = {
  halfLifeMs: 600_000,
  banAt: 10,
  firstBanMs: 600_000,
  longestBanMs: 86_400_000,
  /** How long after its last ban a client counts as one that was never banned. */
  bansForgottenMs: 86_400_000,
} as const;

/** Times are Unix milliseconds: it outlives the process. */
export interface Standing {
  /** As they were at `atMs`. */
  readonly strikes: number;
  readonly atMs: number;
  /** Bans so far that are not forgotten. */
  readonly bans: number;
  /** 0: never. */
  readonly bannedUntilMs: number;
}

export const cleanStanding: Standing = { strikes: 0, atMs: 0, bans: 0, bannedUntilMs: 0 };

/** What is left of its strikes. */
export const strikesLeft = ({ strikes, atMs }: Standing, nowMs: number): number =>
  strikes * 2 ** (-Math.max(0, nowMs - atMs) / strikeRules.halfLifeMs);

/** How much longer it is banned; 0 is not. */
export const banLeftMs = ({ bannedUntilMs }: Standing, nowMs: number): number => Math.max(0, bannedUntilMs - nowMs);

/** Nothing in it changes any decision to come, so that it need not be kept. Less than half a strike is none. */
export const isForgotten = (standing: Standing, nowMs: number): boolean =>
  strikesLeft(standing, nowMs) < 0.5 && bansInMind(standing, nowMs) === 0;

/** How much there is to forget: past bans weigh more than strikes. */
export const heldAgainst = (standing: Standing, nowMs: number): number =>
  strikeRules.banAt * bansInMind(standing, nowMs) + strikesLeft(standing, nowMs);

/** After one more strike. */
export function strike(standing: Standing, nowMs: number): Standing {
  const strikes = strikesLeft(standing, nowMs) + 1;
  const bans = bansInMind(standing, nowMs);
  const { bannedUntilMs } = standing;
  if (Math.round(strikes) < strikeRules.banAt) return { strikes, atMs: nowMs, bans, bannedUntilMs };
  const banMs = Math.min(strikeRules.longestBanMs, strikeRules.firstBanMs * 2 ** bans);
  return { strikes: 0, atMs: nowMs, bans: bans + 1, bannedUntilMs: Math.max(bannedUntilMs, nowMs + banMs) };
}

/**
 * As it may be believed after a restart, when the clock may have been set back meanwhile: no ban lasts longer than the longest, and
 * strikes fade.
 */
export const restored = (standing: Standing, nowMs: number): Standing => ({
  ...standing,
  atMs: Math.min(standing.atMs, nowMs),
  bannedUntilMs: Math.min(standing.bannedUntilMs, nowMs + strikeRules.longestBanMs),
});

const bansInMind = ({ bans, bannedUntilMs }: Standing, nowMs: number): number =>
  nowMs - bannedUntilMs < strikeRules.bansForgottenMs ? bans : 0;
