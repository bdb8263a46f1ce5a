/**
 * When a slot that gives no sign counts as wedged: answers to pings prove nothing, tokens do. By its own pace where that
 * is known, so that a hang on a quick machine is found soon and a slow machine is never taken for a hung one.
 * Invariants: never less than `quickestMs`; never less than 20 times the running mean; never falls as the mean rises.
 */

/** Before anything was heard of a run: reading a long prompt on an old machine takes a while. */
export const unknownPaceMs = 30_000;
/** The machine may have been busy, or read its swap, for a moment. */
export const quickestMs = 10_000;
export const wedgedAfterGaps = 20;
/** Weight of the latest gap in the running mean. */
const latestWeight = 0.1;

/** @param meanGapMs running mean of the time between two signs of a run; undefined before the second */
export const wedgedAfterMs = (meanGapMs: number | undefined): number =>
  meanGapMs === undefined ? unknownPaceMs : Math.max(quickestMs, wedgedAfterGaps * meanGapMs);

export const nextMeanGapMs = (meanGapMs: number | undefined, gapMs: number): number =>
  meanGapMs === undefined ? gapMs : meanGapMs + latestWeight * (gapMs - meanGapMs);
