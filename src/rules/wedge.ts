/**
 * When a slot that gives no sign counts as wedged: answers to pings prove nothing, tokens do. By its own pace where that
 * is known, so that a hang on a quick machine is found soon and a slow machine is never taken for a hung one.
 * Invariants: never less than `QUICKEST_MS`; never less than 20 times the running mean; never falls as the mean rises.
 */

/** Before anything was heard of a run: reading a long prompt on an old machine takes a while. */
export const UNKNOWN_PACE_MS = 30_000;
/** The machine may have been busy, or read its swap, for a moment. */
export const QUICKEST_MS = 10_000;
export const WEDGED_AFTER_GAPS = 20;
/** Weight of the latest gap in the running mean. */
const LATEST_WEIGHT = 0.1;

/** @param meanGapMs running mean of the time between two signs of a run; undefined before the second */
export const wedgedAfterMs = (meanGapMs: number | undefined): number =>
  meanGapMs === undefined ? UNKNOWN_PACE_MS : Math.max(QUICKEST_MS, WEDGED_AFTER_GAPS * meanGapMs);

export const nextMeanGapMs = (meanGapMs: number | undefined, gapMs: number): number =>
  meanGapMs === undefined ? gapMs : meanGapMs + LATEST_WEIGHT * (gapMs - meanGapMs);
