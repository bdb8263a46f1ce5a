/**
 * Solves proofs of work that workers demand, on a separate thread so that a client's streams keep flowing. The thread
 * starts with the first task and ends after being idle for a while.
 */
import type { WorkTask } from '../../protocol/work.js';
import { createThreadPool } from '../../runtime/thread-pool.js';

export interface WorkSolver {
  /**
   * Calls `done` once, asynchronously; with undefined if there is no proof. Never after a cancel.
   *
   * @returns cancel
   */
  solve(task: WorkTask, done: (nonce: string | undefined) => void): () => void;
}

export interface WorkSolverThread extends WorkSolver {
  /** Ends the thread; unsolved tasks get no proof. */
  close(): void;
}

/**
 * About four seconds of a core: four times what our workers ask for. A worker that asks for more would delay the proofs
 * for others.
 */
export const maxSolvableBits = 21;
/** Maximum number of tasks waiting for the thread. */
const maxWaiting = 64;

/** @param entry module that the thread runs. */
export function createWorkSolver(entry = new URL('./work-search.js', import.meta.url)): WorkSolverThread {
  const pool = createThreadPool<WorkTask, string | undefined>({ entry, maxThreads: 1, maxQueuedTasks: maxWaiting });
  return {
    solve(task, done) {
      const abort = new AbortController();
      const end = (nonce: string | undefined): void => {
        if (!abort.signal.aborted) done(nonce);
      };
      if (task.bits > maxSolvableBits) queueMicrotask(() => end(undefined));
      else
        pool.run(task, { signal: abort.signal }).then(end, () => {
          end(undefined);
        });
      return () => abort.abort();
    },
    close: () => void pool.close(),
  };
}
