/**
 * When a client stops believing that a worker is making progress on its request, although the worker still sends. A
 * worker that reads a long prompt or restarts its engine reports changing numbers; a wedged one repeats itself.
 *
 * Invariants: any news restarts the count; before the first token nobody is given up sooner than ten seconds beyond the
 * announced wait, of which at most ten minutes are believed; after it, nobody sooner than five seconds or twenty times
 * its own pace.
 */
export const progressRules = {
  /** Beyond the worker's estimate. */
  firstTokenGraceMs: 10_000,
  /** The most of an estimate that is believed: a worker may claim any number. */
  maxBelievedWaitMs: 600_000,
  minStallMs: 5_000,
  gapFactor: 20,
  /** Weight of the newest gap in the running mean. */
  newestWeight: 0.1,
} as const;

/** What one worker has reported about one request. */
export interface Progress {
  /** Time listened since the last news. */
  readonly quietMs: number;
  /** The last reported position; undefined before the first report. */
  readonly position: number | undefined;
  readonly estimatedWaitMs: number;
  /** Whether the latest news was a token. */
  readonly isStreaming: boolean;
  /** Running mean gap between tokens; undefined before the second. */
  readonly tokenGapMs: number | undefined;
}

export const newProgress: Progress = {
  quietMs: 0,
  position: undefined,
  estimatedWaitMs: 0,
  isStreaming: false,
  tokenGapMs: undefined,
};

/** After `elapsedMs` without a report on the request. */
export const quiet = (progress: Progress, elapsedMs: number): Progress => ({
  ...progress,
  quietMs: progress.quietMs + elapsedMs,
});

/** After a report on where the request stands. Returns `progress` itself if that is no news. */
export function told(
  progress: Progress,
  { position, estimatedWaitMs }: { readonly position: number; readonly estimatedWaitMs: number },
): Progress {
  const isNews = position !== progress.position || estimatedWaitMs !== progress.estimatedWaitMs;
  if (!isNews) return progress;
  // A keepalive between tokens does not end the stream. A queue position does: the engine died and the request waits
  // again.
  const isStreaming = progress.isStreaming && position === 0;
  return { ...progress, position, estimatedWaitMs, quietMs: 0, isStreaming };
}

/** After a token. */
export function spoken(progress: Progress): Progress {
  const { isStreaming, quietMs, tokenGapMs } = progress;
  const gapMs = tokenGapMs === undefined ? quietMs : tokenGapMs + progressRules.newestWeight * (quietMs - tokenGapMs);
  return { ...progress, quietMs: 0, isStreaming: true, tokenGapMs: isStreaming ? gapMs : tokenGapMs };
}

/** How long the worker may report nothing new before it counts as stalled. */
export const stallLimitMs = ({ isStreaming, tokenGapMs, estimatedWaitMs }: Progress): number =>
  isStreaming
    ? Math.max(progressRules.minStallMs, progressRules.gapFactor * (tokenGapMs ?? 0))
    : Math.min(estimatedWaitMs, progressRules.maxBelievedWaitMs) + progressRules.firstTokenGraceMs;

export const isStalled = (progress: Progress): boolean => progress.quietMs > stallLimitMs(progress);
