/**
 * A connection as a stream of decoded messages, shared by both ends of the inference and score networks. Bytes that are
 * not a frame close the connection; so does a frame that stays incomplete for too long. Never throws at its owner.
 *
 * A peer may be read at a limited rate (rules/reading-pace.ts). What it sends faster waits, unread and unparsed. The
 * transport has no backpressure, so a peer with more waiting than one frame may hold is disconnected. Hence no more
 * than one frame's bytes are ever buffered per peer.
 */
import type { DecodeOutcome } from '../../protocol/decode.js';
import { FrameDecoder, type FrameObject, type RefusalReason } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import { afterReading, costInFrames, framesAllowed, unread } from '../../rules/reading-pace.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Connection } from '../ports.js';

/** How long a peer that sent too much waits before more is read: the time of a few frames. */
const restMs = 50;

/** Cost of each waiting piece on top of its bytes, so that single bytes are not cheap to send but expensive to keep. */
const pieceBytes = 256;

export interface FramedEvents<Message> {
  /** Decodes a frame's object as a message of this network. */
  decode(value: FrameObject): DecodeOutcome<Message>;
  /** Bytes arrived, whether or not they complete a frame. */
  bytes?(): void;
  frame(outcome: DecodeOutcome<Message>): void;
  /** The peer broke the framing. The connection is being destroyed; `closed` follows. */
  refused(reason: RefusalReason | 'incomplete'): void;
  /** The peer sent far more than it may. The connection is being destroyed; `closed` follows. */
  flooded?(): void;
  closed(): void;
  /** Whether the peer is rate-limited right now; if not given, it never is. */
  isPaced?(): boolean;
}

/** @returns a function that stops listening and destroys the connection. */
export function listenToFrames<Message>(connection: Connection, clock: Clock, on: FramedEvents<Message>): () => void {
  const decoder = new FrameDecoder();
  let frameTimer: TimerHandle;
  let watchedFrame: number | undefined;
  /** Unread bytes, in order. While any are waiting, the decoder is between two frames. */
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let pace = unread;
  let restTimer: TimerHandle;
  let isOver = false;

  const stop = (): void => {
    isOver = true;
    clock.clearTimeout(frameTimer);
    clock.clearTimeout(restTimer);
    waiting = [];
  };
  const refuse = (reason: RefusalReason | 'incomplete'): void => {
    stop();
    on.refused(reason);
    connection.destroy();
  };
  /** One timer per frame, not per chunk: a byte a second must not keep it from firing. */
  const watch = (): void => {
    if (decoder.partial && watchedFrame === decoder.frameCount) return;
    clock.clearTimeout(frameTimer);
    watchedFrame = decoder.partial ? decoder.frameCount : undefined;
    if (decoder.partial) frameTimer = clock.setTimeout(() => refuse('incomplete'), limits.incompleteFrameMs);
  };
  const framesNow = (): number => (on.isPaced?.() === true ? framesAllowed(pace, clock.monotonicMs()) : Infinity);
  /** Reads as much of `bytes` as is allowed now. @returns the rest. */
  const read = (bytes: Uint8Array): Uint8Array => {
    let left = bytes;
    while (left.length > 0 && !isOver) {
      // A frame that has begun is read to its end: bytes waiting here must not look like a frame the sender holds open.
      const allowed = Math.max(framesNow(), decoder.partial ? 1 : 0);
      if (allowed === 0) break;
      const some = decoder.pushSome(left, Math.min(allowed, limits.maxFramesAtOnce));
      const readBytes = left.length - some.rest.length;
      left = some.rest;
      let frames = 0;
      for (const outcome of some.outcomes) {
        if (outcome.kind === 'object') {
          const decoded = on.decode(outcome.value);
          frames += costInFrames(decoded);
          on.frame(decoded);
        } else refuse(outcome.reason);
      }
      pace = afterReading(pace, { frames, bytes: readBytes }, clock.monotonicMs());
    }
    return left;
  };
  const rest = (): void => {
    restTimer = clock.setTimeout(() => {
      const pieces = waiting;
      waiting = [];
      waitingBytes = 0;
      restTimer = undefined;
      for (const piece of pieces) take(piece);
    }, restMs);
  };
  const take = (bytes: Uint8Array): void => {
    const unreadBytes = restTimer === undefined ? read(bytes) : bytes;
    if (isOver) return;
    watch();
    if (unreadBytes.length === 0) return;
    waiting.push(unreadBytes);
    waitingBytes += unreadBytes.length + pieceBytes;
    if (waitingBytes > limits.maxFrameBytes) {
      stop();
      on.flooded?.();
      connection.destroy();
    } else if (restTimer === undefined) rest();
  };

  connection.listen({
    data(bytes) {
      if (isOver) return;
      on.bytes?.();
      take(bytes);
    },
    closed() {
      stop();
      on.closed();
    },
  });
  return () => {
    stop();
    connection.destroy();
  };
}
