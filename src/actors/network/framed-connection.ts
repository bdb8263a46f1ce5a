/**
 * A connection as a stream of decoded messages: what both ends of the inference and score networks share. Bytes that are no frame end
 * the connection; a frame that is held open for too long does, too. Never throws at its owner.
 *
 * A peer may be read at a pace (rules/reading-pace.ts). What it sends faster waits, unread and unparsed; the transport cannot hold it back,
 * so a peer of which more waits than one frame may hold is closed. So never more than one frame's bytes are kept of anyone.
 */
import type { DecodeOutcome } from '../../protocol/decode.js';
import { FrameDecoder, type FrameObject, type RefusalReason } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import { afterReading, costInFrames, framesAllowed, unread } from '../../rules/reading-pace.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Connection } from '../ports.js';

/** How long one who has said too much waits until more of it is read: a few frames' time. */
const restMs = 50;

/** What a piece costs that waits, besides its bytes: single bytes must not be cheap to send and dear to keep. */
const pieceBytes = 256;

export interface FramedEvents<Message> {
  /** What each frame's object is in this network. */
  decode(value: FrameObject): DecodeOutcome<Message>;
  /** Bytes came, of a whole frame or not. */
  bytes?(): void;
  frame(outcome: DecodeOutcome<Message>): void;
  /** The peer broke the framing. The connection is being destroyed; `closed` follows. */
  refused(reason: RefusalReason | 'incomplete'): void;
  /** The peer sent far more than it may. The connection is being destroyed; `closed` follows. */
  flooded?(): void;
  closed(): void;
  /** Whether the peer is read at a pace, just now; nobody is where this is not given. */
  isPaced?(): boolean;
}

/** @returns a function that stops listening and destroys the connection. */
export function listenToFrames<Message>(connection: Connection, clock: Clock, on: FramedEvents<Message>): () => void {
  const decoder = new FrameDecoder();
  let frameTimer: TimerHandle;
  let watchedFrame: number | undefined;
  /** What is not read yet, in order. While anything waits, the decoder stands between two frames. */
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
  /** One timer a frame, not one a chunk: a byte a second must not keep it from firing. */
  const watch = (): void => {
    if (decoder.partial && watchedFrame === decoder.frameCount) return;
    clock.clearTimeout(frameTimer);
    watchedFrame = decoder.partial ? decoder.frameCount : undefined;
    if (decoder.partial) frameTimer = clock.setTimeout(() => refuse('incomplete'), limits.incompleteFrameMs);
  };
  const framesNow = (): number => (on.isPaced?.() === true ? framesAllowed(pace, clock.monotonicMs()) : Infinity);
  /** As much of `bytes` as may be read now. @returns what may not. */
  const read = (bytes: Uint8Array): Uint8Array => {
    let left = bytes;
    while (left.length > 0 && !isOver) {
      // A frame that was begun is read to its end: what waits here must not look like one that its sender holds open.
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
