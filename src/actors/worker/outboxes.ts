/**
 * What the worker owes its peers: one outbox per connection, with the requests that still need an end.
 *
 * Lives outside the actors, so that the promises of docs/protocol.md survive a crash of the actor that made them:
 *  - every request opened here gets exactly one end, as long as its connection lasts;
 *  - while a request is open, its peer receives something at least every `keepaliveMs`;
 *  - a peer that does not read is disconnected, never buffered without limit.
 *
 * It is also the data path: tokens are written here without passing through a machine.
 */
import { inferenceError, type ErrorCode } from '../../protocol/errors.js';
import { encodeFrame, FrameTooLargeError } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import { protocolVersion, type QueueStatusMessage, type WorkerMessage } from '../../protocol/messages.js';
import { whoLeaves } from '../../rules/eviction.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Connection } from '../ports.js';

/** Timers fire late on a busy machine; this leaves enough room to keep `keepaliveMs`. */
const quietMs = Math.floor(limits.keepaliveMs * 0.6);

/**
 * Minimum gap between two updates of one request. Together with the update sent whenever a slot is assigned, that is at
 * most four a second.
 */
const newsGapMs = Math.ceil((4 * limits.queueStatusMinGapMs) / 3);

/**
 * An estimate is sent again if it differs by this much, in ms and as a share, from what the last one sent would be by
 * now.
 */
const estimateOff = { ms: 500, share: 0.25 };

/** Where a request stands, according to what its client was told. */
interface Told {
  /** The latest status. It is repeated as the sign of life when there is nothing else to send. */
  status: QueueStatusMessage;
  /** The last one sent as news, and when; undefined before the first. */
  readonly said: (QueueStatusMessage & { readonly atMs: number }) | undefined;
}

export type Position = Pick<QueueStatusMessage, 'id' | 'position' | 'length' | 'tier' | 'estimatedWaitMs'>;

interface Outbox {
  readonly connection: Connection;
  /** Increases with each connection. */
  readonly serial: number;
  /** Unfinished requests by id. */
  readonly unfinished: Map<string, Told>;
  /** The connection belongs to the worker's owner. */
  isKept: boolean;
  /** When `unfinished` became empty. */
  idleSinceMs: number;
  lastWriteMs: number;
  timer: TimerHandle;
}

export class Outboxes {
  readonly #clock: Clock;
  readonly #boxes = new Map<string, Outbox>();
  #connected = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#boxes.size;
  }

  /** From now on `peer` can be written to. */
  connect(peer: string, connection: Connection): void {
    const nowMs = this.#clock.monotonicMs();
    this.#boxes.set(peer, {
      connection,
      serial: ++this.#connected,
      unfinished: new Map(),
      isKept: false,
      idleSinceMs: nowMs,
      lastWriteMs: nowMs,
      timer: undefined,
    });
  }

  /** Whether `peer` connected after `other`, or `other` is gone. */
  isNewer(peer: string, other: string): boolean {
    const than = this.#boxes.get(other);
    return than === undefined || (this.#boxes.get(peer)?.serial ?? 0) > than.serial;
  }

  /** Exempts this connection from `makeRoom`. */
  keep(peer: string): void {
    const box = this.#boxes.get(peer);
    if (box !== undefined) box.isKept = true;
  }

  /** Closes the least needed connection, if there is one that can be spared. */
  makeRoom(): void {
    const seated = [...this.#boxes].map(([peer, { connection, unfinished, isKept, idleSinceMs }]) => ({
      peer,
      connection,
      address: connection.remoteAddress,
      isNeeded: isKept || unfinished.size > 0,
      idleSinceMs,
    }));
    const leaves = whoLeaves(seated, this.#clock.monotonicMs());
    if (leaves === undefined) return;
    this.disconnect(leaves.peer);
    leaves.connection.destroy();
  }

  /** The connection is gone, and with it everything owed on it. */
  disconnect(peer: string): void {
    const box = this.#boxes.get(peer);
    if (box === undefined) return;
    this.#clock.clearTimeout(box.timer);
    this.#boxes.delete(peer);
  }

  /**
   * Does nothing if the peer is gone. A message too long for a frame is replaced by an error, which ends its request.
   */
  send(peer: string, message: WorkerMessage): void {
    const box = this.#boxes.get(peer);
    if (box === undefined) return;
    try {
      this.#write(box, message);
    } catch (error) {
      if (!(error instanceof FrameTooLargeError) || !('id' in message)) throw error;
      const { id } = message;
      this.#settle(box, id);
      this.#write(box, inferenceError({ id, code: 'internal', message: 'The answer is longer than a frame may be.' }));
    }
  }

  broadcast(message: WorkerMessage): void {
    const frame = encodeFrame(message);
    for (const box of this.#boxes.values()) this.#writeFrame(box, frame);
  }

  /** A request was admitted; it is owed an end. */
  open(peer: string, id: string): void {
    const box = this.#boxes.get(peer);
    if (box === undefined) return;
    box.unfinished.set(id, { status: queueStatus({ ...unknownPosition, id }), said: undefined });
    this.#keepAlive(box);
  }

  /**
   * Where the request stands: sent if it is news, and in any case remembered as what is repeated later. A new place in
   * line too soon after the last update is dropped: it may have changed again by the time it could be sent, and the
   * line is reported again shortly.
   */
  tellPosition(peer: string, position: Position): void {
    const box = this.#boxes.get(peer);
    const told = box?.unfinished.get(position.id);
    if (box === undefined || told === undefined) return;
    const status = queueStatus(position);
    const nowMs = this.#clock.monotonicMs();
    const { said } = told;
    if (said !== undefined && isMoveInLine(said, status) && nowMs - said.atMs < newsGapMs) return;
    if (!isNews(told, status, nowMs)) {
      told.status = status;
      return;
    }
    box.unfinished.set(position.id, { status, said: { ...status, atMs: nowMs } });
    this.#write(box, status);
  }

  /** Sends the one end of a request. Does nothing if it is not open: it has ended, or moved to another connection. */
  end(peer: string, message: Extract<WorkerMessage, { type: 'inference_result' | 'inference_error' }>): void {
    if (this.#settle(this.#boxes.get(peer), message.id)) this.send(peer, message);
  }

  /** Whether the peer is connected and waiting for the end of this request. */
  owes(peer: string, id: string): boolean {
    return this.#boxes.get(peer)?.unfinished.has(id) === true;
  }

  /** The request continues, but not on this connection. */
  release(peer: string, id: string): void {
    this.#settle(this.#boxes.get(peer), id);
  }

  /** The scheduler that knew the open requests is gone: all of them end with this error. */
  abandonAll(code: ErrorCode, message: string): void {
    for (const [peer, box] of this.#boxes)
      for (const id of [...box.unfinished.keys()]) this.end(peer, inferenceError({ id, code, message }));
  }

  /**
   * Nothing more is owed for this request.
   * @returns whether anything was.
   */
  #settle(box: Outbox | undefined, id: string): boolean {
    if (box?.unfinished.delete(id) !== true) return false;
    if (box.unfinished.size === 0) box.idleSinceMs = this.#clock.monotonicMs();
    return true;
  }

  #write(box: Outbox, message: WorkerMessage): void {
    this.#writeFrame(box, encodeFrame(message));
  }

  #writeFrame(box: Outbox, frame: Uint8Array): void {
    box.connection.write(frame);
    box.lastWriteMs = this.#clock.monotonicMs();
    if (box.connection.unsentBytes > limits.maxUnsentBytes) box.connection.destroy();
  }

  #keepAlive(box: Outbox): void {
    if (box.timer !== undefined) return;
    box.timer = this.#clock.setTimeout(() => {
      box.timer = undefined;
      const [oldest] = box.unfinished.values();
      if (oldest === undefined) return;
      this.#keepAlive(box); // before the write, which may find a peer that does not read, and close it and this box
      if (this.#clock.monotonicMs() - box.lastWriteMs >= quietMs / 2) this.#write(box, oldest.status);
    }, quietMs);
  }
}

/** For a request with no report yet; the first one follows at once. */
const unknownPosition = { position: 1, length: 1, tier: 'guest', estimatedWaitMs: 0 };

const queueStatus = ({ id, position, length, tier, estimatedWaitMs }: Position): QueueStatusMessage => ({
  v: protocolVersion,
  type: 'queue_status',
  id,
  position,
  length,
  tier,
  estimatedWaitMs,
});

const isMoveInLine = (said: QueueStatusMessage, status: QueueStatusMessage): boolean =>
  status.position > 0 && status.position !== said.position;

/**
 * A new position is always news. An estimate is news only if the last update is old enough: while a prompt is being
 * read any change, as a sign of progress; before that only a clear difference from what was sent.
 */
function isNews({ said }: Told, status: QueueStatusMessage, nowMs: number): boolean {
  if (said?.position !== status.position) return true;
  const sinceMs = nowMs - said.atMs;
  if (sinceMs < newsGapMs) return false;
  if (status.position === 0) return said.estimatedWaitMs !== status.estimatedWaitMs;
  const off = Math.abs(status.estimatedWaitMs - Math.max(0, said.estimatedWaitMs - sinceMs));
  return off > Math.max(estimateOff.ms, estimateOff.share * said.estimatedWaitMs);
}
