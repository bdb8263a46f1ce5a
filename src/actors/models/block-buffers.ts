/**
 * A pool of block-sized buffers. Allocating 1 MiB for each block costs half a second of CPU time per GB for its memory
 * pages alone, and the growing heap makes V8 run about 20 full garbage collections per 200 MB. A lent buffer that is
 * never given back is garbage-collected, so code that is not certain whether a buffer is still in use need not give it
 * back.
 */
import { blockBytes } from './block-tree.js';

/** Space for the block's proof, which has at most 40 hashes. */
const maxProofBytes = 8_192;
/** Capacity of a buffer. */
export const maxLentBytes = blockBytes + maxProofBytes;
/** Most free buffers kept for later. */
const maxFree = 8;

const free: Buffer[] = [];
const lent = new WeakMap<ArrayBufferLike, Buffer>();

/** @param bytes at most `maxLentBytes` */
export function lendBuffer(bytes: number): Buffer {
  const buffer = free.pop() ?? Buffer.allocUnsafeSlow(maxLentBytes);
  lent.set(buffer.buffer, buffer);
  return buffer.subarray(0, bytes);
}

export const isLent = (part: Uint8Array): boolean => lent.has(part.buffer);

/** @param part of a buffer that nobody reads any more */
export function giveBack(part: Uint8Array): void {
  const buffer = lent.get(part.buffer);
  if (buffer === undefined) return;
  lent.delete(part.buffer);
  if (free.length < maxFree) free.push(buffer);
}
