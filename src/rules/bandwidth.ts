/**
 * How fast a node sends and fetches models, where its owner set a limit. A line is busy until some time; who sends books the time that its
 * bytes take, behind all that were booked before.
 *
 * Invariant: within any stretch of t ms at most the rate times (t + burstMs) passes.
 */

/** A line that was idle may be this far ahead: a whole block need not wait for itself on a fast line. */
export const burstMs = 250;

/** On the caller's clock. */
export type BusyUntilMs = number;

export function book(
  busyUntil: BusyUntilMs,
  bytes: number,
  bytesPerSecond: number,
  nowMs: number,
): { readonly busyUntil: BusyUntilMs; readonly waitMs: number } {
  const until = Math.max(busyUntil, nowMs) + (bytes / bytesPerSecond) * 1_000;
  return { busyUntil: until, waitMs: Math.max(0, Math.ceil(until - nowMs - burstMs)) };
}
