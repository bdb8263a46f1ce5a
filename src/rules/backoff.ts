/** Delays that double with each failure in a row, up to a limit. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** @param failures in a row, starting at 1; less counts as 1 */
export const backoffMs = ({ firstMs, longestMs }: Backoff, failures: number): number =>
  Math.min(longestMs, firstMs * 2 ** Math.max(0, failures - 1));
