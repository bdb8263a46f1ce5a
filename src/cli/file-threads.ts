/** Hashes and copies whole files in threads, with progress. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { CopyModelTask } from '../actors/models/copy-model.js';
import { filesHere } from '../gguf/split.js';
import type { FileHash, HashFileTask } from '../runtime/hash-file.js';
import { createThreadPool, type ThreadPool } from '../runtime/thread-pool.js';

export interface FileThreads {
  /** For a model in several files, takes the path of the first and hashes all of them as one. */
  hash(this: void, path: string, progress?: (bytes: number) => void): Promise<FileHash>;
  copy(this: void, from: string, to: string, progress?: (bytes: number) => void): Promise<FileHash>;
  close(): Promise<void>;
}

export function createFileThreads(): FileThreads {
  const hasher = createThreadPool<HashFileTask, FileHash>({
    entry: new URL('../runtime/hash-file.js', import.meta.url),
    maxThreads: 1,
  });
  const copier = createThreadPool<CopyModelTask, FileHash>({
    entry: new URL('../actors/models/copy-model.js', import.meta.url),
    maxThreads: 1,
  });
  return {
    hash: (path, progress) => watched(hasher, { paths: filesHere(path) }, progress),
    copy: (from, to, progress) => watched(copier, { from, to }, progress),
    close: async () => {
      await Promise.all([hasher.close(), copier.close()]);
    },
  };
}

function watched<Task extends { readonly progress?: MessagePort }, Result>(
  pool: ThreadPool<Task, Result>,
  task: Task,
  progress: ((bytes: number) => void) | undefined,
): Promise<Result> {
  if (progress === undefined) return pool.run(task);
  const { port1, port2 } = new MessageChannel();
  port1.on('message', progress);
  return pool.run({ ...task, progress: port2 }, { transfer: [port2] }).finally(() => port1.close());
}
