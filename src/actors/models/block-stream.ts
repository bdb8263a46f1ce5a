/**
 * What makes blocks pass through a Noise stream (@hyperswarm/secret-stream 6.9.2 over udx-native 1.21.3) at little cost. Nothing of it is
 * seen by the peer.
 *
 * In: left to itself, a UDX stream calls into JavaScript for each packet, and a Noise stream takes new memory for each message.
 *  1. a Noise stream tells how long a message is before it takes memory for it (`_utp.setContentSize`, meant for transports that want to
 *     know); one that is as long as a block with its proof is lent a buffer;
 *  2. as long as such a message has more to come, packets go straight into its buffer, and JavaScript hears of them when a piece is full.
 *     The beginning and the end of a message, and all other messages, are told packet by packet as ever: nothing that is complete waits;
 *  3. when the block is in the file, its buffer is free for the next one. A message of several in one (Protomux sends small ones beside a
 *     block so) is never given back: somebody may still read another part of it.
 *
 * Out: Protomux writes a message into memory that the stream gives it (`alloc`), and UDX sends from there. That is lent, too, until the peer
 * has acknowledged it.
 *
 * test/unit/actors/models/block-stream.test.ts fails where a new version does any of this in another way.
 */
import type { NoiseStream } from 'hyperswarm';
import { giveBack, isLent, lendBuffer, maxLentBytes } from './block-buffers.js';
import { blockBytes } from './block-tree.js';

/** In a decrypted message's buffer, where the number of its channel begins; 0 there is Protomux itself, with several messages in one. */
const channelOffset = 1;
/** Of the stream's own, around a message: its length before it, then a tag; a code at its end. */
const lengthBytes = 3;
const tagBytes = 1;
const codeBytes = 16;
/** As many as UDX itself gathers at most. */
const pieceBytes = 65_536;
/** Below this it is not worth it, and UDX would not gather: it speaks up when less than two packets fit. */
const minPieceBytes = 8_192;
/** No packet is longer. UDX drops one for which there is no room. */
const maxPacketBytes = 2_048;

interface StreamInside {
  _utp: { setContentSize(missingBytes: number): void } | null;
  /** Of the message that arrives, encrypted, and how many of them are there. While its length arrives, they are something else. */
  readonly _len: number;
  readonly _tmp: number;
  _message: Uint8Array | null;
  _outgoingWrapped: Uint8Array;
  _outgoingPlain: Uint8Array;
  alloc(bytes: number): Uint8Array;
  _write(message: Uint8Array, done: (error: Error | null) => void): void;
}

interface RawInside {
  /** What packets are written into. */
  _buffer: Uint8Array;
  readonly _closed: boolean;
  readonly _readableState: { readonly buffered: number };
  /** Takes `bytes` from the buffer, and sees that there is one for the next packet. */
  _consumeData(bytes: number): Uint8Array;
  _reallocData(): Uint8Array;
  setInteractive(isInteractive: boolean): void;
  /** Resolves when the peer has what was written so far; to false where it never will. */
  flush(): Promise<boolean>;
}

const isBlock = (messageBytes: number): boolean => messageBytes >= blockBytes && messageBytes <= maxLentBytes;

/** To be called before anything else is done with the stream. */
export function carryBlocks(stream: NoiseStream): void {
  const inside = stream as unknown as StreamInside;
  const raw = stream.rawStream as unknown as RawInside | null;
  if (inside._utp !== null || inside._message !== null || typeof raw?._consumeData !== 'function') return; // it is another version: it goes without
  lendToIncoming(inside);
  gatherPackets(inside, raw);
  lendToOutgoing(inside, raw);
}

/** @param block of a message that came in on such a stream. */
export function giveBackMessage(block: Uint8Array): void {
  if (new Uint8Array(block.buffer)[channelOffset] !== 0) giveBack(block);
}

function lendToIncoming(inside: StreamInside): void {
  inside._utp = {
    setContentSize() {
      if (isBlock(inside._len)) inside._message = lendBuffer(inside._len);
    },
  };
}

function gatherPackets(inside: StreamInside, raw: RawInside): void {
  /** The stream's own buffer, while packets go into a message's. */
  let aside: Uint8Array | undefined;
  // Its condition is the wrong way round: it acts on closed streams only.
  const closed = Object.create(raw, { _closed: { value: true } }) as RawInside;
  raw._consumeData = (bytes) => {
    const consumed = raw._buffer.subarray(0, bytes);
    const rest = raw._buffer.subarray(bytes);
    const piece = aside !== undefined && rest.length >= maxPacketBytes ? rest : nextPiece(inside, raw, bytes);
    if (piece !== undefined) {
      if (aside === undefined) closed.setInteractive(false);
      aside ??= rest;
      raw._buffer = piece;
      return consumed;
    }
    if (aside !== undefined) closed.setInteractive(true);
    raw._buffer = aside ?? rest;
    aside = undefined;
    if (raw._buffer.length < maxPacketBytes) raw._reallocData();
    return consumed;
  };
}

/** Where in the message's own memory the next packets belong. @param arriving bytes that the Noise stream has not seen yet. */
function nextPiece({ _message, _len, _tmp }: StreamInside, raw: RawInside, arriving: number): Uint8Array | undefined {
  if (_message === null || !isLent(_message)) return undefined;
  const start = _tmp + raw._readableState.buffered + arriving;
  if (_len - start < minPieceBytes) return undefined;
  return _message.subarray(start, Math.min(_len, start + pieceBytes));
}

function lendToOutgoing(inside: StreamInside, raw: RawInside): void {
  const alloc = inside.alloc.bind(inside);
  const write = inside._write.bind(inside);
  inside.alloc = (bytes) => {
    const wrappedBytes = lengthBytes + tagBytes + bytes + codeBytes;
    if (!isBlock(wrappedBytes)) return alloc(bytes);
    inside._outgoingWrapped = lendBuffer(wrappedBytes);
    inside._outgoingPlain = inside._outgoingWrapped.subarray(lengthBytes + tagBytes, lengthBytes + tagBytes + bytes);
    return inside._outgoingPlain;
  };
  inside._write = (message, done) => {
    write(message, done);
    if (isLent(message)) void raw.flush().then((isThere) => isThere && giveBack(message));
  };
}
