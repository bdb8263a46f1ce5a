/** Thread-pool task: computes a model's SHA-256 and hash tree in one pass. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { MessagePort } from 'node:worker_threads';
import { filesHere } from '../../gguf/split.js';
import { blockBytes, maxBlocks, TreeBuilder, type BlockTree } from './block-tree.js';

/** Bytes between progress reports. */
const progressBytes = 16 << 20;

export interface ReadBlocksTask {
  /** Of its first file, if it has several. */
  readonly path: string;
  /**
   * Receives the number of bytes read so far, from time to time. Must be transferred with the task; closed when it
   * ends.
   */
  readonly progress?: MessagePort;
}

export interface BlocksRead {
  /** 64 hex characters. */
  readonly sha256: string;
  readonly bytes: number;
  readonly tree: BlockTree;
}

export default async function readBlocks({ path, progress }: ReadBlocksTask): Promise<BlocksRead> {
  const hash = createHash('sha256');
  const tree = new TreeBuilder();
  let bytes = 0;
  let reportedBytes = 0;
  try {
    for await (const block of blocksOf(filesHere(path))) {
      hash.update(block);
      tree.add(block);
      bytes += block.length;
      if (bytes > maxBlocks * blockBytes) throw new Error(`${path} is larger than any model`);
      if (bytes - reportedBytes < progressBytes) continue;
      progress?.postMessage(bytes);
      reportedBytes = bytes;
    }
    if (bytes === 0) throw new Error(`${path} is empty`);
    return { sha256: hash.digest('hex'), bytes, tree: tree.finish() };
  } finally {
    progress?.close();
  }
}

/** Reads several files as if they were one. Each block is valid only until the next. */
async function* blocksOf(paths: readonly string[]): AsyncGenerator<Buffer> {
  const block = Buffer.alloc(blockBytes);
  let filled = 0;
  for (const path of paths) {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      for (let position = 0; position < size; ) {
        const wanted = Math.min(block.length - filled, size - position);
        const { bytesRead } = await file.read(block, filled, wanted, position); // may read less
        if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
        position += bytesRead;
        filled += bytesRead;
        if (filled < block.length) continue;
        yield block;
        filled = 0;
      }
    } finally {
      await file.close();
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
