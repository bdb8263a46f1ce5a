/**
 * Memory of a block's length, used again and again. A buffer of 1 MiB that is taken anew for each block costs half a second of processor
 * time in 1 GB, for its pages alone; and V8 sees its heap grow by that much each time, and collects all of it some 20 times in 200 MB.
 * What was lent and never given back is left to the collector, so that giving back may be left out wherever it is not certain.
 */
import { blockBytes } from './block-tree.js';

/** Beside the block: its proof has at most 40 hashes. */
const maxProofBytes = 8_192;
/** What fits into a buffer. */
export const maxLentBytes = blockBytes + maxProofBytes;
/** Kept for later. */
const maxFree = 8;

const free: Buffer[] = [];
const lent = new WeakMap<ArrayBufferLike, Buffer>();

/** @param bytes at most `maxLentBytes`. */
export function lendBuffer(bytes: number): Buffer {
  const buffer = free.pop() ?? Buffer.allocUnsafeSlow(maxLentBytes);
  lent.set(buffer.buffer, buffer);
  return buffer.subarray(0, bytes);
}

export const isLent = (part: Uint8Array): boolean => lent.has(part.buffer);

/** @param part of a buffer; nobody reads any part of it any more. */
export function giveBack(part: Uint8Array): void {
  const buffer = lent.get(part.buffer);
  if (buffer === undefined) return;
  lent.delete(part.buffer);
  if (free.length < maxFree) free.push(buffer);
}
