/**
 * SHA-256 of a file, or of several as if concatenated. Runs in a thread pool: even at a gigabyte a second it would
 * block the event loop.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';

const chunkBytes = 1 << 20;

/** Bytes between two progress reports. */
const progressBytes = 16 << 20;

export interface HashFileTask {
  readonly paths: readonly string[];
  /** Gets the number of bytes read so far, from time to time. Transfer it with the task; it is closed at the end. */
  readonly progress?: MessagePort;
}

export interface FileHash {
  /** 64 hex characters. */
  readonly sha256: string;
  readonly bytes: number;
}

export default async function hashFile({ paths, progress }: HashFileTask): Promise<FileHash> {
  const hash = createHash('sha256');
  let bytes = 0;
  let reportedBytes = 0;
  try {
    for (const path of paths)
      for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        bytes += chunk.length;
        if (bytes - reportedBytes < progressBytes) continue;
        progress?.postMessage(bytes);
        reportedBytes = bytes;
      }
  } finally {
    progress?.close();
  }
  return { sha256: hash.digest('hex'), bytes };
}
