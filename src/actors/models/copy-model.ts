/**
 * Thread-pool task: copies a file and computes its SHA-256 in one pass. The copy is synced to disk before it returns.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { MessagePort } from 'node:worker_threads';
import type { FileHash } from '../../runtime/hash-file.js';

const chunkBytes = 1 << 20;
/** Bytes between progress reports. */
const progressBytes = 16 << 20;

export interface CopyModelTask {
  readonly from: string;
  /** Must not exist. */
  readonly to: string;
  /**
   * Receives the number of bytes copied so far, from time to time. Must be transferred with the task; closed when it
   * ends.
   */
  readonly progress?: MessagePort;
}

export default async function copyModel({ from, to, progress }: CopyModelTask): Promise<FileHash> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', 0o644);
    try {
      const hash = createHash('sha256');
      const buffer = Buffer.alloc(chunkBytes);
      let bytes = 0;
      let reportedBytes = 0;
      for (;;) {
        const { bytesRead } = await source.read(buffer, 0, chunkBytes, bytes);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        hash.update(chunk);
        for (let written = 0; written < bytesRead;)
          written += (await target.write(chunk, written, bytesRead - written)).bytesWritten;
        bytes += bytesRead;
        if (bytes - reportedBytes < progressBytes) continue;
        progress?.postMessage(bytes);
        reportedBytes = bytes;
      }
      await target.sync();
      return { sha256: hash.digest('hex'), bytes };
    } finally {
      await target.close();
    }
  } finally {
    progress?.close();
    await source.close();
  }
}
