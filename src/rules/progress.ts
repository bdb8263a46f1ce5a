/**
 * When a client no longer believes that a worker works on its request, though it speaks. A worker that reads a long prompt or
 * brings its engine back says so: what it tells changes. One that is wedged repeats itself.
 *
 * Invariants: news of any kind starts the count anew; before the first token nobody is given up sooner than ten seconds after
 * the wait that it told, of which ten minutes are believed; later nobody sooner than five seconds, or twenty times its own pace.
 */
export const progressRules = {
  /** Beyond the wait that the worker estimates. */
  firstTokenGraceMs: 10_000,
  /** Longer estimates are not waited for: a worker may say any number. */
  maxBelievedWaitMs: 600_000,
  minStallMs: 5_000,
  gapFactor: 20,
  /** Of the newest gap in the running mean. */
  newestWeight: 0.1,
} as const;

/** What one worker has said about one request. */
export interface Progress {
  /** Time listened since there was news. */
  readonly quietMs: number;
  /** What it told last; undefined before it told anything. */
  readonly position: number | undefined;
  readonly estimatedWaitMs: number;
  /** Whether the latest news was a token. */
  readonly isStreaming: boolean;
  /** Running mean between tokens; undefined before the second. */
  readonly tokenGapMs: number | undefined;
}

export const newProgress: Progress = {
  quietMs: 0,
  position: undefined,
  estimatedWaitMs: 0,
  isStreaming: false,
  tokenGapMs: undefined,
};

/** After `elapsedMs` in which the worker said nothing of the request. */
export const quiet = (progress: Progress, elapsedMs: number): Progress => ({
  ...progress,
  quietMs: progress.quietMs + elapsedMs,
});

/** After the worker said where the request stands. Returns `progress` itself where that is no news. */
export function told(
  progress: Progress,
  { position, estimatedWaitMs }: { readonly position: number; readonly estimatedWaitMs: number },
): Progress {
  const isNews = position !== progress.position || estimatedWaitMs !== progress.estimatedWaitMs;
  if (!isNews) return progress;
  // A keepalive between tokens does not end the stream. A place in the queue does: the engine died, and the request waits again.
  const isStreaming = progress.isStreaming && position === 0;
  return { ...progress, position, estimatedWaitMs, quietMs: 0, isStreaming };
}

/** After a token came. */
export function spoken(progress: Progress): Progress {
  const { isStreaming, quietMs, tokenGapMs } = progress;
  const gapMs = tokenGapMs === undefined ? quietMs : tokenGapMs + progressRules.newestWeight * (quietMs - tokenGapMs);
  return { ...progress, quietMs: 0, isStreaming: true, tokenGapMs: isStreaming ? gapMs : tokenGapMs };
}

/** How long the worker may say nothing new before it is taken to be stalled. */
export const stallLimitMs = ({ isStreaming, tokenGapMs, estimatedWaitMs }: Progress): number =>
  isStreaming
    ? Math.max(progressRules.minStallMs, progressRules.gapFactor * (tokenGapMs ?? 0))
    : Math.min(estimatedWaitMs, progressRules.maxBelievedWaitMs) + progressRules.firstTokenGraceMs;

export const isStalled = (progress: Progress): boolean => progress.quietMs > stallLimitMs(progress);
