/**
 * Workers that lie. Each is an honest one behind something that alters its messages, so liars too are frozen, crashed
 * and cut off, and what they owe is visible from inside.
 */
import type { Connection, NetworkPort } from '../../../src/actors/ports.js';
import { encodeFrame } from '../../../src/protocol/frame.js';
import type { StatusMessage, WorkerMessage } from '../../../src/protocol/messages.js';
import type { Clock } from '../../../src/runtime/clock.js';
import type { Random } from '../../../src/runtime/random.js';
import { tapped } from './tapped.js';

export const lies = {
  /** Always claims that nobody waits, no slot is busy and the machine is idle. */
  idle: statusLie((status) => ({
    ...status,
    health: { score: 100, state: 'idle', capacity: 100 },
    queue: { ...status.queue, length: 0 },
    slots: { ...status.slots, busy: 0 },
  })),
  /** Claims to be faster than anything there is. */
  boasts: statusLie((status) => ({
    ...status,
    performance: { avgResponseMs: 0, tokensPerSecond: Number.MAX_VALUE },
  })),
  /** Repeats its first status for ever. */
  stale: () => {
    let first: StatusMessage | undefined;
    return (message) => {
      if (message.type !== 'status') return [message];
      if (message.models.length > 0) first ??= message;
      return [first ?? message];
    };
  },
  /** Sends only its first status. */
  hushed: () => {
    let isSaid = false;
    return (message) => {
      if (message.type !== 'status') return [message];
      if (isSaid) return [];
      isSaid = message.models.length > 0;
      return [message];
    };
  },
  /** Accepts every request, and then only sends keepalives. */
  mute: ({ again }) => {
    const told = new Map<string, WorkerMessage>();
    return (message) => {
      if (message.type === 'status' || message.type === 'inference_error') return [message];
      if (!('id' in message)) return [];
      const { id } = message;
      if (message.type === 'queue_status' && !told.has(id)) {
        told.set(id, message);
        again(mutterMs, () => told.get(id));
      }
      if (message.type === 'inference_result' && message.finishReason === 'cancelled') told.delete(id);
      return [];
    };
  },
  /** Occasionally repeats, drops or misnumbers a token. */
  stutters: ({ random }) => {
    return (message) => {
      if (message.type !== 'inference_token' || random.next() > 0.1) return [message];
      const slip = random.next();
      if (slip < 1 / 3) return [];
      return slip < 2 / 3 ? [message, message] : [{ ...message, index: message.index + 1 }];
    };
  },
  /** Ends an answer with a different text. */
  contradicts: () => {
    const streamed = new Set<string>();
    return (message) => {
      if (message.type === 'inference_token') streamed.add(message.id);
      if (message.type === 'inference_error') streamed.delete(message.id);
      if (message.type !== 'inference_result' || !streamed.delete(message.id)) return [message];
      return [{ ...message, text: `no: ${message.text}` }];
    };
  },
  /** Makes its answers up: every number is too high by `inventedBy`. */
  invents: () => (message) =>
    message.type === 'inference_token' || message.type === 'inference_result'
      ? [{ ...message, text: message.text.replace(/\d+/g, (number) => String(Number(number) + inventedBy)) }]
      : [message],
} as const satisfies Record<string, LiarMaker>;

export type Lie = keyof typeof lies;

/** What becomes of one honest message. One liar per connection. */
type Liar = (message: WorkerMessage) => readonly WorkerMessage[];
type LiarMaker = (means: {
  readonly random: Random;
  /** Repeats this until there is nothing to send or nobody to receive it. */
  readonly again: (everyMs: number, say: () => WorkerMessage | undefined) => void;
}) => Liar;

export const inventedBy = 100_000;
const mutterMs = 200;

export function lying(port: NetworkPort, lie: Lie, clock: Clock, random: Random): NetworkPort {
  const make: LiarMaker = lies[lie];
  return tapped(port, (connection) => {
    const liar = make({ random, again: repeater(connection, clock) });
    return (frame) => {
      for (const message of liar(messageOf(frame))) connection.write(encodeFrame(message));
    };
  });
}

/** Of a frame that this process has just made. */
export const messageOf = (frame: Uint8Array): WorkerMessage =>
  JSON.parse(Buffer.from(frame.buffer, frame.byteOffset + 4, frame.byteLength - 4).toString()) as WorkerMessage;

/** A connection that is gone takes no more, and nobody says so: so long is longer than any course. */
const mutterForMs = 120_000;

function repeater(connection: Connection, clock: Clock) {
  return (everyMs: number, say: () => WorkerMessage | undefined): void => {
    const untilMs = clock.monotonicMs() + mutterForMs;
    const next = (): void => {
      const message = say();
      if (message === undefined || clock.monotonicMs() > untilMs) return;
      connection.write(encodeFrame(message));
      clock.setTimeout(next, everyMs);
    };
    clock.setTimeout(next, everyMs);
  };
}

function statusLie(alter: (status: StatusMessage) => StatusMessage): LiarMaker {
  return () => (message) => [message.type === 'status' ? alter(message) : message];
}
