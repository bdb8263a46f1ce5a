/**
 * A connection as a stream of decoded messages: what both ends of the inference network share. Bytes that are no frame end
 * the connection; a frame that is held open for too long does, too. Never throws at its owner.
 */
import { decodeMessage, type DecodeOutcome } from '../protocol/decode.js';
import { FrameDecoder, type RefusalReason } from '../protocol/frame.js';
import { limits } from '../protocol/limits.js';
import type { Clock, TimerHandle } from '../runtime/clock.js';
import type { Connection } from './ports.js';

export interface FramedEvents {
  /** Bytes came, of a whole frame or not. */
  bytes?(): void;
  frame(outcome: DecodeOutcome): void;
  /** The peer broke the framing. The connection is being destroyed; `closed` follows. */
  refused(reason: RefusalReason | 'incomplete'): void;
  closed(): void;
}

/** @returns a function that stops listening and destroys the connection. */
export function listenToFrames(connection: Connection, clock: Clock, on: FramedEvents): () => void {
  const decoder = new FrameDecoder();
  let timer: TimerHandle;
  let watchedFrame: number | undefined;
  let isOver = false;

  const refuse = (reason: RefusalReason | 'incomplete'): void => {
    isOver = true;
    clock.clearTimeout(timer);
    on.refused(reason);
    connection.destroy();
  };
  /** One timer a frame, not one a chunk: a byte a second must not keep it from firing. */
  const watch = (): void => {
    if (decoder.partial && watchedFrame === decoder.frameCount) return;
    clock.clearTimeout(timer);
    watchedFrame = decoder.partial ? decoder.frameCount : undefined;
    if (decoder.partial) timer = clock.setTimeout(() => refuse('incomplete'), limits.incompleteFrameMs);
  };

  connection.listen({
    data(bytes) {
      if (isOver) return;
      on.bytes?.();
      for (const outcome of decoder.push(bytes)) {
        if (outcome.kind === 'object') on.frame(decodeMessage(outcome.value));
        else refuse(outcome.reason);
      }
      watch();
    },
    closed() {
      clock.clearTimeout(timer);
      isOver = true;
      on.closed();
    },
  });
  return () => {
    clock.clearTimeout(timer);
    isOver = true;
    connection.destroy();
  };
}
