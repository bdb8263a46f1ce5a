/**
 * Rate limit for sending and fetching models. A line is busy until some time; each sender reserves the time its bytes
 * take, after everything reserved before.
 *
 * Invariant: within any stretch of t ms at most rate × (t + burstMs) passes.
 */

/** How far an idle line may run ahead, so that on a fast line a whole block need not wait for itself. */
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
