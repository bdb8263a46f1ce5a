/**
 * Loaded into a worker with `node --import`: records event-loop delay, and on SIGUSR2 appends what it recorded since
 * the last time to the file named by LOOP_DELAY_FILE, as one line of JSON.
 */
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

/** How often the loop is looked at; this much of each reading is not delay. */
const resolutionMs = 1;

const file = process.env.LOOP_DELAY_FILE;

if (isMainThread && file !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  /** @param {number} nanoseconds */
  const toMs = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  process.on('SIGUSR2', () => {
    const [p50, p99, max] = [histogram.percentile(50), histogram.percentile(99), histogram.max].map(toMs);
    appendFileSync(file, `${JSON.stringify({ p50, p99, max })}\n`);
    histogram.reset();
  });
}
