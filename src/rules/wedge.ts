/**
 * When a slot without a sign of progress counts as wedged: answers to pings prove nothing, tokens do. It goes by the
 * slot's own pace if that is known, so that a hang on a fast machine is found soon and a slow machine is never mistaken
 * for a hung one. Invariants: never less than `quickestMs`; never less than 20 times the running mean; never falls as
 * the mean rises.
 */

/** Before the first sign of a run: reading a long prompt on an old machine takes a while. */
export const unknownPaceMs = 30_000;
/** The machine may have been busy, or swapping, for a moment. */
export const quickestMs = 10_000;
export const wedgedAfterGaps = 20;
/** Weight of the latest gap in the running mean. */
const latestWeight = 0.1;

/** @param meanGapMs running mean of the time between two signs of a run; undefined before the second */
export const wedgedAfterMs = (meanGapMs: number | undefined): number =>
  meanGapMs === undefined ? unknownPaceMs : Math.max(quickestMs, wedgedAfterGaps * meanGapMs);

export const nextMeanGapMs = (meanGapMs: number | undefined, gapMs: number): number =>
  meanGapMs === undefined ? gapMs : meanGapMs + latestWeight * (gapMs - meanGapMs);
