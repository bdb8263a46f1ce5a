/**
 * A thread pool for work that would block the event loop: hashing files, checking signatures in bulk. Piscina with the
 * settings this program needs: waiting threads keep their event loop running, the queue is bounded, idle threads end.
 *
 * For JavaScript only: terminating a thread inside native code kills the process.
 */
import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { usableCores } from './container-limits.js';

const maxQueuedTasks = 1_000;
const idleThreadMs = 10_000;

export interface ThreadPoolOptions {
  /** The module whose default export is the task: `new URL('./hash-file.js', import.meta.url)`. */
  readonly entry: URL;
  /** Default: all usable cores but one. */
  readonly maxThreads?: number;
  /** Maximum number of waiting tasks; further ones are refused. */
  readonly maxQueuedTasks?: number;
}

export interface ThreadPool<Task, Result> {
  /**
   * Rejects with the task's error, or if the queue is full, the pool is closed or `signal` is aborted before the end.
   */
  run(
    task: Task,
    options?: { readonly transfer?: readonly MessagePort[]; readonly signal?: AbortSignal },
  ): Promise<Result>;
  /** Ends all threads; running and waiting tasks are rejected. */
  close(): Promise<void>;
}

export function createThreadPool<Task, Result>(options: ThreadPoolOptions): ThreadPool<Task, Result> {
  const maxThreads = options.maxThreads ?? Math.max(1, usableCores() - 1);
  const piscina = new Piscina<Task, Result>({
    filename: fileURLToPath(options.entry),
    minThreads: 0,
    maxThreads,
    idleTimeout: idleThreadMs,
    maxQueue: options.maxQueuedTasks ?? maxQueuedTasks,
    atomics: 'disabled',
  });
  let isClosed = false;
  return {
    run(task, { transfer, signal } = {}) {
      if (isClosed) return Promise.reject(new Error('the thread pool is closed')); // Piscina would start new threads
      return piscina.run(task, { ...(transfer && { transferList: [...transfer] }), ...(signal && { signal }) });
    },
    close() {
      isClosed = true;
      return piscina.destroy();
    },
  };
}
