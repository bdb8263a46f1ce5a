/**
 * What a worker holds against a client, and when that is enough for a ban. Strikes decay with a half-life of 10
 * minutes. At 10, rounded, the client is banned for 10 minutes; each further ban lasts twice as long, up to a day. A
 * ban clears the strikes. The doubling is forgotten a day after the last ban ended.
 *
 * Invariants: strikes never grow by themselves; fewer than 10 strikes ban nobody; no ban is shorter than the previous
 * one within that day, or longer than a day; a ban ends when announced, unless a new one is earned.
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
  /** How long after its last ban a client counts as never banned. */
  bansForgottenMs: 86_400_000,
} as const;

/** Times are Unix milliseconds, since this outlives the process. */
export interface Standing {
  /** As of `atMs`. */
  readonly strikes: number;
  readonly atMs: number;
  /** Bans not yet forgotten. */
  readonly bans: number;
  /** 0 means never. */
  readonly bannedUntilMs: number;
}

export const cleanStanding: Standing = { strikes: 0, atMs: 0, bans: 0, bannedUntilMs: 0 };

/** Strikes left after decay. */
export const strikesLeft = ({ strikes, atMs }: Standing, nowMs: number): number =>
  strikes * 2 ** (-Math.max(0, nowMs - atMs) / strikeRules.halfLifeMs);

/** Remaining ban; 0 means none. */
export const banLeftMs = ({ bannedUntilMs }: Standing, nowMs: number): number => Math.max(0, bannedUntilMs - nowMs);

/** Whether it no longer affects any decision, and need not be kept. Less than half a strike counts as none. */
export const isForgotten = (standing: Standing, nowMs: number): boolean =>
  strikesLeft(standing, nowMs) < 0.5 && bansInMind(standing, nowMs) === 0;

/** How much would be forgotten with it: past bans weigh more than strikes. */
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
 * What may be believed after a restart, during which the clock may have been set back: no ban exceeds the longest, and
 * strikes decay.
 */
export const restored = (standing: Standing, nowMs: number): Standing => ({
  ...standing,
  atMs: Math.min(standing.atMs, nowMs),
  bannedUntilMs: Math.min(standing.bannedUntilMs, nowMs + strikeRules.longestBanMs),
});

const bansInMind = ({ bans, bannedUntilMs }: Standing, nowMs: number): number =>
  nowMs - bannedUntilMs < strikeRules.bansForgottenMs ? bans : 0;
