/**
 * Memory that blocks arrive in, used again and again. Left to itself, a Noise stream (@hyperswarm/secret-stream 6.9) takes a new buffer for
 * each message. With blocks of 1 MiB V8 sees its heap grow by that much each time, and collects all of it some 20 times in 200 MB:
 * a fifth of the receiver's processor time, measured.
 *
 *  1. a stream tells how long a message is before it takes memory for it (`_utp.setContentSize`, meant for transports that want to know);
 *  2. one that is as long as a block with its proof is lent a buffer;
 *  3. when the block is in the file, its buffer is free for the next one. What was never given back is left to the collector.
 *
 * A message of several in one (Protomux sends small ones beside a block so) is never given back: somebody may still read another part of it.
 * test/unit/actors/models/block-buffers.test.ts fails where a new version of the stream does any of this in another way.
 */
import type { NoiseStream } from 'hyperswarm';
import { blockBytes } from './block-tree.js';

/** Of a message beside the block: its proof has at most 40 hashes. */
const maxProofBytes = 8_192;
/** Kept for later. */
const maxFree = 8;
/** In a decrypted message's buffer, where the number of its channel begins; 0 there is Protomux itself, with several messages in one. */
const channelOffset = 1;

interface StreamInside {
  _utp: { setContentSize(missingBytes: number): void } | null;
  /** Of the message that begins, encrypted. */
  readonly _len: number;
  _message: Uint8Array | null;
}

const free: Buffer[] = [];
const lent = new WeakMap<ArrayBufferLike, Buffer>();

/** From now on, blocks arrive on this stream in lent buffers. */
export function lendBuffers(stream: NoiseStream): void {
  const inside = stream as NoiseStream & Partial<StreamInside>;
  if (inside._utp !== null || inside._message !== null) return; // it is another version: it goes without
  inside._utp = {
    setContentSize() {
      const { _len: bytes = 0 } = inside;
      if (bytes < blockBytes || bytes > blockBytes + maxProofBytes) return;
      const buffer = free.pop() ?? Buffer.allocUnsafeSlow(blockBytes + maxProofBytes);
      lent.set(buffer.buffer, buffer);
      inside._message = buffer.subarray(0, bytes);
    },
  };
}

/** @param block nobody reads it any more. */
export function giveBack(block: Uint8Array): void {
  const buffer = lent.get(block.buffer);
  if (buffer === undefined || buffer[channelOffset] === 0) return;
  lent.delete(block.buffer);
  if (free.length < maxFree) free.push(buffer);
}
