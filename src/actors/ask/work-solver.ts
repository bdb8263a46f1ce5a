/**
 * Proofs of work for workers that ask for them, found on a thread of its own, so that a client's streams flow on meanwhile. The
 * thread starts with the first task and ends when it has been idle for a while.
 */
import type { WorkTask } from '../../protocol/work.js';
import { createThreadPool } from '../../runtime/thread-pool.js';

export interface WorkSolver {
  /**
   * Calls `done` once, later; with undefined where there is no proof to be had. Not at all once it was cancelled.
   * @returns what cancels it.
   */
  solve(task: WorkTask, done: (nonce: string | undefined) => void): () => void;
}

export interface WorkSolverThread extends WorkSolver {
  /** Ends the thread; what is not solved by then gets no proof. */
  close(): void;
}

/** Some four seconds of a core: four times what a worker of ours asks for. One that asks for more would hold up the proofs for others. */
export const maxSolvableBits = 21;
/** Tasks that may wait for the thread. */
const maxWaiting = 64;

/** @param entry of the thread. */
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
