/** SHA-256 and hash tree of a file in one reading: a task for a thread pool. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { MessagePort } from 'node:worker_threads';
import { blockBytes, blockLength, maxBlocks, TreeBuilder, type BlockTree } from './block-tree.js';

/** Blocks between two reports of progress. */
const progressBlocks = 16;

export interface ReadBlocksTask {
  readonly path: string;
  /** Gets the number of bytes read so far, now and then. To be transferred with the task; closed at its end. */
  readonly progress?: MessagePort;
}

export interface BlocksRead {
  /** 64 hex characters. */
  readonly sha256: string;
  readonly bytes: number;
  readonly tree: BlockTree;
}

export default async function readBlocks({ path, progress }: ReadBlocksTask): Promise<BlocksRead> {
  const file = await open(path, 'r');
  try {
    const { size: bytes } = await file.stat();
    if (bytes === 0) throw new Error(`${path} is empty`);
    if (bytes > maxBlocks * blockBytes) throw new Error(`${path} has ${bytes} bytes, more than any model`);
    const hash = createHash('sha256');
    const tree = new TreeBuilder();
    const buffer = Buffer.alloc(blockBytes);
    for (let index = 0; index * blockBytes < bytes; index++) {
      const block = buffer.subarray(0, blockLength(bytes, index));
      await fill(file, block, index * blockBytes, path);
      hash.update(block);
      tree.add(block);
      if (index % progressBlocks === progressBlocks - 1) progress?.postMessage(index * blockBytes + block.length);
    }
    return { sha256: hash.digest('hex'), bytes, tree: tree.finish() };
  } finally {
    progress?.close();
    await file.close();
  }
}

/** A read may bring less than was asked for. */
async function fill(file: Awaited<ReturnType<typeof open>>, into: Buffer, position: number, path: string): Promise<void> {
  for (let filled = 0; filled < into.length; ) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
    filled += bytesRead;
  }
}
