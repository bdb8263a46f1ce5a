/**
 * What the worker owes its peers: one outbox a connection, and in it the requests that still need an end.
 *
 * Lives outside the actors, so that the promises of docs/protocol.md survive a crash of whoever made them:
 *  - every request that was opened here is ended exactly once, while its connection lasts;
 *  - while one is open, the peer hears something at least every `keepaliveMs`;
 *  - a peer that does not read is closed, never buffered without bound.
 *
 * It is also the data path: tokens are written here without passing a machine.
 */
import { inferenceError, type ErrorCode } from '../../protocol/errors.js';
import { encodeFrame, FrameTooLargeError } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import {
  protocolVersion,
  type QueueStatusMessage,
  type StatusMessage,
  type WorkerMessage,
} from '../../protocol/messages.js';
import { whoLeaves } from '../../rules/eviction.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Connection } from '../ports.js';

/** Timers are late on a busy machine: this keeps the promise of `keepaliveMs` with room to spare. */
const quietMs = Math.floor(limits.keepaliveMs * 0.8);

/** Three a second: together with the slot, which is told whenever it is given, no more than four. */
const newsGapMs = Math.ceil((4 * limits.queueStatusMinGapMs) / 3);

/** An estimate is said anew when it is this much off what the one told last has become by now, in ms and as a share of it. */
const estimateOff = { ms: 500, share: 0.25 };

/** Where a request stands, and what its client knows of it. */
interface Told {
  /** The latest, which is also what is said when there is nothing else to say. */
  status: QueueStatusMessage;
  /** What was news last, and when; undefined before the first. */
  said: { readonly status: QueueStatusMessage; readonly atMs: number } | undefined;
}

export type Position = Pick<QueueStatusMessage, 'id' | 'position' | 'length' | 'tier' | 'estimatedWaitMs'>;

interface Outbox {
  readonly connection: Connection;
  /** Rises from one connection to the next. */
  readonly serial: number;
  /** Unfinished requests by id. */
  readonly unfinished: Map<string, Told>;
  /** Of the worker's owner. */
  isKept: boolean;
  /** When `unfinished` became empty. */
  idleSinceMs: number;
  lastWriteMs: number;
  timer: TimerHandle;
  /** When the peer was last told how the worker is. */
  statusAtMs: number;
  statusTimer: TimerHandle;
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

  /** `peer` can be written to from now on. */
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
      statusAtMs: -Infinity,
      statusTimer: undefined,
    });
  }

  /** Whether `peer` connected after `other`, or `other` is gone. */
  isNewer(peer: string, other: string): boolean {
    const than = this.#boxes.get(other);
    return than === undefined || (this.#boxes.get(peer)?.serial ?? 0) > than.serial;
  }

  /** Never makes room for others. */
  keep(peer: string): void {
    const box = this.#boxes.get(peer);
    if (box !== undefined) box.isKept = true;
  }

  /** Closes the connection that is needed least, if there is one that is not needed. */
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

  /** The connection is gone, and with it all that was owed on it. */
  disconnect(peer: string): void {
    const box = this.#boxes.get(peer);
    if (box === undefined) return;
    this.#clock.clearTimeout(box.timer);
    this.#clock.clearTimeout(box.statusTimer);
    this.#boxes.delete(peer);
  }

  /** No effect where the peer is gone. What is too long for a frame is said to be that, and ends its request. */
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

  /** The first frame of a connection. */
  greet(peer: string, status: StatusMessage): void {
    const box = this.#boxes.get(peer);
    if (box !== undefined) this.#sayStatus(box, encodeFrame(status));
  }

  broadcast(status: StatusMessage): void {
    const frame = encodeFrame(status);
    for (const box of this.#boxes.values()) this.#sayStatus(box, frame);
  }

  /** A request was admitted: it is owed an end. */
  open(peer: string, id: string): void {
    const box = this.#boxes.get(peer);
    if (box === undefined) return;
    box.unfinished.set(id, { status: queueStatus({ ...unknownPosition, id }), said: undefined });
    if (box.timer === undefined) this.#lookAgain(box, quietMs);
  }

  /**
   * Where the request stands: what is repeated later, and written now where it is news to the peer. A place in line that comes too soon
   * after the last word is dropped: it may have changed by the time it could be said, and the line is told again.
   */
  tellPosition(peer: string, position: Position): void {
    const box = this.#boxes.get(peer);
    const told = box?.unfinished.get(position.id);
    if (box === undefined || told === undefined) return;
    const { said } = told;
    const nowMs = this.#clock.monotonicMs();
    const isOtherPlace = position.position > 0 && position.position !== said?.status.position;
    if (said !== undefined && isOtherPlace && isTooSoon(said, nowMs)) return;
    told.status = queueStatus(position);
    if (isNews(told, nowMs)) this.#say(box, told);
  }

  /** The one end of a request. No effect where it is not open: it has ended, or moved to another connection. */
  end(peer: string, message: Extract<WorkerMessage, { type: 'inference_result' | 'inference_error' }>): void {
    if (this.#settle(this.#boxes.get(peer), message.id)) this.send(peer, message);
  }

  /** Whether the peer is there and waits for the end of this request. */
  owes(peer: string, id: string): boolean {
    return this.#boxes.get(peer)?.unfinished.has(id) === true;
  }

  /** The request goes on, but not on this connection. */
  release(peer: string, id: string): void {
    this.#settle(this.#boxes.get(peer), id);
  }

  /** Whoever answered is gone and knows of nothing: all that is open ends in an error. */
  abandonAll(code: ErrorCode, message: string): void {
    for (const [peer, box] of this.#boxes)
      for (const id of [...box.unfinished.keys()]) this.end(peer, inferenceError({ id, code, message }));
  }

  /** Nothing more is owed for this request. @returns whether anything was. */
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

  /** Where the peer heard one a moment ago, as one that has just come did, it hears this a little later, or the one after it. */
  #sayStatus(box: Outbox, frame: Uint8Array): void {
    this.#clock.clearTimeout(box.statusTimer);
    const nowMs = this.#clock.monotonicMs();
    const waitMs = box.statusAtMs + limits.statusMinGapMs - nowMs;
    if (waitMs > 0) {
      box.statusTimer = this.#clock.setTimeout(() => this.#sayStatus(box, frame), waitMs);
      return;
    }
    box.statusAtMs = nowMs;
    this.#writeFrame(box, frame);
  }

  #say(box: Outbox, told: Told): void {
    told.said = { status: told.status, atMs: this.#clock.monotonicMs() };
    this.#write(box, told.status);
  }

  /** While requests are open here: says an estimate that came too soon to be said, or anything at all where nothing was said. */
  #lookAgain(box: Outbox, delayMs: number): void {
    box.timer = this.#clock.setTimeout(() => {
      box.timer = undefined;
      const [oldest, ...others] = box.unfinished.values();
      if (oldest === undefined) return;
      const nowMs = this.#clock.monotonicMs();
      const silentMs = nowMs - box.lastWriteMs;
      const news = [oldest, ...others].filter((told) => isNews(told, nowMs));
      const isQuiet = news.length === 0 && silentMs >= quietMs;
      // First: a write may find a peer that does not read, and close it with this box.
      this.#lookAgain(box, news.length > 0 || isQuiet ? quietMs : quietMs - silentMs);
      for (const told of news) this.#say(box, told);
      if (isQuiet) this.#write(box, oldest.status);
    }, delayMs);
  }
}

/** Of a request that nobody has said anything about yet: it waits. */
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

const isTooSoon = ({ atMs }: NonNullable<Told['said']>, nowMs: number): boolean => nowMs - atMs < newsGapMs;

/**
 * That it is in a slot now always is; any other position that is new, where the last news is old enough. So is an estimate: while a prompt
 * is read any that is new, since it shows that something happens; before, one that is well off what was told.
 */
function isNews({ said, status }: Told, nowMs: number): boolean {
  if (said === undefined) return true;
  const { position, estimatedWaitMs } = said.status;
  if (status.position === 0 && position > 0) return true;
  if (isTooSoon(said, nowMs)) return false;
  if (status.position !== position) return true;
  if (position === 0) return status.estimatedWaitMs !== estimatedWaitMs;
  const off = Math.abs(status.estimatedWaitMs - Math.max(0, estimatedWaitMs - (nowMs - said.atMs)));
  return off > Math.max(estimateOff.ms, estimateOff.share * estimatedWaitMs);
}
