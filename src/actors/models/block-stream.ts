/**
 * Makes sending and receiving blocks over a Noise stream cheap (@hyperswarm/secret-stream 6.9.2 over udx-native
 * 1.21.3). Peers do not notice.
 *
 * Incoming: by default, a UDX stream calls into JavaScript for every packet, and a Noise stream allocates memory for
 * every message.
 *  1. A Noise stream announces a message's length before it allocates memory (`_utp.setContentSize`, meant for
 *     transports that want to know it). A message as long as a block with its proof gets a lent buffer.
 *  2. While more of such a message is to come, packets are written directly into its buffer, and JavaScript is called
 *     only when a piece is full. The start and end of a message, and all other messages, are still reported packet by
 *     packet, so nothing complete is held back.
 *  3. Once the block is in the file, its buffer is reused. The buffer of a batch (Protomux may send small messages
 *     together with a block) is never given back, since another part of it may still be read.
 *
 * Outgoing: Protomux writes a message into memory from the stream (`alloc`), and UDX sends from there. That memory is
 * lent too, until the peer has acknowledged it.
 *
 * test/unit/actors/models/block-stream.test.ts fails if a new version does any of this differently.
 */
import type { NoiseStream } from 'hyperswarm';
import { giveBack, isLent, lendBuffer, maxLentBytes } from './block-buffers.js';
import { blockBytes } from './block-tree.js';

/** Offset of the channel number in a decrypted message. Channel 0 is Protomux itself, with a batch of messages. */
const channelOffset = 1;
/** What the stream adds to a message: a length prefix and a tag before it, an authentication code after it. */
const lengthBytes = 3;
const tagBytes = 1;
const codeBytes = 16;
/** The most that UDX itself gathers. */
const pieceBytes = 65_536;
/** Below this it is not worth it, and UDX would not gather: it reports as soon as less than two packets fit. */
const minPieceBytes = 8_192;
/** No packet is longer. UDX drops a packet that does not fit into the buffer. */
const maxPacketBytes = 2_048;

interface StreamInside {
  _utp: { setContentSize(missingBytes: number): void } | null;
  /**
   * Length of the arriving encrypted message, and how much of it has arrived. While the length prefix arrives, they
   * mean something else.
   */
  readonly _len: number;
  readonly _tmp: number;
  _message: Uint8Array | null;
  _outgoingWrapped: Uint8Array;
  _outgoingPlain: Uint8Array;
  alloc(bytes: number): Uint8Array;
  _write(message: Uint8Array, done: (error: Error | null) => void): void;
}

interface RawInside {
  /** Packets are written into this. */
  _buffer: Uint8Array;
  readonly _closed: boolean;
  readonly _readableState: { readonly buffered: number };
  /** Takes `bytes` from the buffer and ensures that there is room for the next packet. */
  _consumeData(bytes: number): Uint8Array;
  _reallocData(): Uint8Array;
  setInteractive(isInteractive: boolean): void;
  /**
   * Resolves to true when the peer has acknowledged everything written so far, and to false if the stream dies before
   * UDX has accepted it. If the stream dies after that, UDX cancels what is unacknowledged and this resolves to true as
   * well.
   */
  flush(): Promise<boolean>;
}

const isBlock = (messageBytes: number): boolean => messageBytes >= blockBytes && messageBytes <= maxLentBytes;

/** Must be called before anything else uses the stream. */
export function carryBlocks(stream: NoiseStream): void {
  const inside = stream as unknown as StreamInside;
  const raw = stream.rawStream as unknown as RawInside | null;
  // An unknown version: do without.
  if (inside._utp !== null || inside._message !== null || typeof raw?._consumeData !== 'function') return;
  lendToIncoming(inside);
  gatherPackets(inside, raw);
  lendToOutgoing(inside, raw);
}

/** @param block from a message received on such a stream */
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
  /** The stream's own buffer, while packets are written into a message's. */
  let aside: Uint8Array | undefined;
  // setInteractive has its check inverted: it acts only on closed streams.
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

/**
 * Where in the message's buffer the next packets belong.
 * @param arriving bytes that the Noise stream has not seen yet
 */
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
