/**
 * The workers that a client is connected to, the last status of each, and the requests waiting at each. It lives
 * outside the actors: an answer's text goes from the connection straight to the request, never through a machine.
 */
import { encodeFrame } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import type {
  ClientMessage,
  InferenceErrorMessage,
  InferenceResultMessage,
  InferenceTokenMessage,
  QueueStatusMessage,
  StatusMessage,
} from '../../protocol/messages.js';
import { began, closedCircuit, failed, sent, succeeded, withdrawn, type Circuit } from '../../rules/circuit.js';
import type { Candidate } from '../../rules/selection.js';
import {
  asked,
  heard,
  isDead,
  isSilent,
  listened,
  listenedMs,
  newHearing,
  resumeHearing,
  silenceRules,
  type Hearing,
} from '../../rules/silence.js';
import { BoundedMap } from '../../runtime/bounded-map.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Connection } from '../ports.js';
import { Suspicions } from './suspicions.js';
import type { Settled } from '../wallet/wallet.js';

/** What a request is told about its worker. */
export interface AnswerSink {
  position(message: QueueStatusMessage): void;
  token(message: InferenceTokenMessage): void;
  /** @param settle signs the receipt, if there is one; to be called if the result matches what was received. */
  result(message: InferenceResultMessage, settle: () => Settled | undefined): void;
  error(message: InferenceErrorMessage): void;
  /** Part of the answer does not match its schema. @param problem which field, and why */
  unreadable(problem: string): void;
  /** Time that passed, by the client's own clock, while the worker was there. */
  listened(elapsedMs: number): void;
  /** The worker owes a sign of life and gives none. */
  fellSilent(): void;
  /** A worker that had fallen silent is heard again. */
  spoke(): void;
  /** The connection is gone. No further calls follow. */
  lost(): void;
}

/** What the end of a request says about its worker; `withdrawn`: nothing. */
export type Outcome = 'answered' | 'failed' | 'withdrawn';

/** Workers that failed recently, remembered while disconnected. The oldest is forgotten first. */
const maxCircuits = 256;
/**
 * A worker with more unsent bytes than this gets no further prompt; together with the largest prompt this is the wire's
 * limit.
 */
const maxUnsentBytes = limits.maxUnsentBytes - limits.maxFrameBytes;

interface Waiting {
  readonly sink: AnswerSink;
  /**
   * `told`: the worker has mentioned the request. `counted`: its status arrived since then, so it includes the request.
   */
  known: 'sent' | 'told' | 'counted';
}

interface Entry {
  readonly connection: Connection;
  /** By request ID. Bounded by the client's unfinished requests. */
  readonly waiting: Map<string, Waiting>;
  status: StatusMessage | undefined;
  heardAtMs: number;
  /** What has been heard while requests wait here. */
  hearing: Hearing;
  /** `suspected` lasts one turn of the event loop, so that data already in the socket is read before a verdict. */
  silence: 'none' | 'suspected' | 'certain';
}

/**
 * For an application that wants to know which workers exist. Called in the middle of a step, so it may only take note.
 */
export interface DirectoryWatch {
  /** The worker sent its status. */
  heard(worker: string, status: StatusMessage): void;
  /** A worker that had sent a status is gone. */
  gone(worker: string): void;
}

export class WorkerDirectory {
  /** Only the latest watch is called. */
  watch: DirectoryWatch | undefined;
  /** What spot checks found: workers that failed them are asked last. */
  readonly suspicions: Suspicions;
  readonly #clock: Clock;
  /** By worker ID, which is the key that the connection proves. */
  readonly #entries = new Map<string, Entry>();
  readonly #circuits = new BoundedMap<string, Circuit>(maxCircuits);
  /** Runs while any worker owes an answer: one timer for all connections. */
  #watch: TimerHandle;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.suspicions = new Suspicions(clock);
  }

  connect(connection: Connection): void {
    this.disconnect(connection.remoteKey);
    this.#entries.set(connection.remoteKey, {
      connection,
      waiting: new Map(),
      status: undefined,
      heardAtMs: 0,
      hearing: newHearing(this.#clock.monotonicMs()),
      silence: 'none',
    });
  }

  /** With `connection`: only if it is still the current one, since the worker may have been dialled again. */
  disconnect(worker: string, connection?: Connection): void {
    const entry = this.#entries.get(worker);
    if (entry === undefined || (connection !== undefined && entry.connection !== connection)) return;
    this.#entries.delete(worker);
    for (const { sink } of [...entry.waiting.values()]) sink.lost();
    if (entry.status !== undefined) this.watch?.gone(worker);
  }

  /** Bytes of any frame arrived from this worker. */
  spoke(worker: string): void {
    const entry = this.#entries.get(worker);
    if (entry === undefined || (entry.waiting.size === 0 && entry.silence === 'none')) return;
    entry.hearing = heard(entry.hearing, this.#clock.monotonicMs());
    const wasCertain = entry.silence === 'certain';
    entry.silence = 'none';
    if (wasCertain) for (const { sink } of [...entry.waiting.values()]) sink.spoke();
  }

  heard(worker: string, status: StatusMessage): void {
    const entry = this.#entries.get(worker);
    if (entry === undefined) return;
    entry.status = status;
    entry.heardAtMs = this.#clock.monotonicMs();
    for (const waiting of entry.waiting.values()) if (waiting.known === 'told') waiting.known = 'counted';
    this.watch?.heard(worker, status);
  }

  /** The worker mentions this request. @returns its listener; undefined if no request with this ID waits there. */
  answering(worker: string, id: string): AnswerSink | undefined {
    const waiting = this.#entries.get(worker)?.waiting.get(id);
    if (waiting?.known === 'sent') waiting.known = 'told';
    return waiting?.sink;
  }

  /** @returns false if the worker is no longer connected. @throws FrameTooLargeError */
  ask(worker: string, message: Extract<ClientMessage, { type: 'prompt' }>, sink: AnswerSink): boolean {
    const entry = this.#entries.get(worker);
    if (entry === undefined) return false;
    const frame = encodeFrame(message);
    if (entry.waiting.size === 0) entry.hearing = resumeHearing(entry.hearing, this.#clock.monotonicMs());
    entry.hearing = asked(entry.hearing, frame.byteLength);
    entry.waiting.set(message.id, { sink, known: 'sent' });
    this.#turn(worker, (circuit, now) => sent(circuit, message.id, now));
    entry.connection.write(frame);
    this.#keepWatch(silenceRules.tickMs);
    return true;
  }

  send(worker: string, message: ClientMessage): void {
    this.#entries.get(worker)?.connection.write(encodeFrame(message));
  }

  /** The answer to this request has begun. */
  began(worker: string, id: string): void {
    this.#turn(worker, (circuit) => began(circuit, id));
  }

  /** Ignores whatever this worker still says about the request. */
  forget(worker: string, id: string, how: Outcome = 'withdrawn'): void {
    this.#entries.get(worker)?.waiting.delete(id);
    this.#turn(worker, (circuit, now) => {
      if (how === 'answered') return succeeded(circuit, id);
      return how === 'failed' ? failed(circuit, id, now) : withdrawn(circuit, id, now);
    });
  }

  /** The workers that have sent a status, are not silent, and keep reading what they are sent. */
  candidates(): readonly (Candidate & { readonly status: StatusMessage })[] {
    return [...this.#entries].flatMap(([worker, entry]) => {
      const { connection, status, heardAtMs, waiting, silence } = entry;
      if (status === undefined || silence === 'certain' || connection.unsentBytes > maxUnsentBytes) return [];
      const inFlight = [...waiting.values()].filter(({ known }) => known !== 'counted').length;
      const isAvoided = this.suspicions.avoids(worker);
      return [{ worker, status, heardAtMs, inFlight, circuit: this.#circuits.get(worker), isAvoided }];
    });
  }

  #turn(worker: string, how: (circuit: Circuit, nowMs: number) => Circuit): void {
    const before = this.#circuits.get(worker) ?? closedCircuit;
    const after = how(before, this.#clock.monotonicMs());
    if (after === before) return;
    if (after === closedCircuit) this.#circuits.delete(worker);
    else this.#circuits.set(worker, after);
  }

  #keepWatch(delayMs: number): void {
    this.#watch ??= this.#clock.setTimeout(() => {
      this.#watch = undefined;
      this.#look();
    }, delayMs);
  }

  #look(): void {
    const now = this.#clock.monotonicMs();
    const watched = [...this.#entries.values()].filter(isOwing);
    for (const entry of watched) this.#judge(entry, now);
    if (watched.length === 0) return;
    this.#keepWatch(watched.some(({ silence }) => silence === 'suspected') ? 1 : silenceRules.tickMs);
  }

  #judge(entry: Entry, now: number): void {
    const elapsedMs = listenedMs(entry.hearing, now);
    entry.hearing = listened(entry.hearing, now);
    const sinks = [...entry.waiting.values()].map(({ sink }) => sink);
    if (!isSilent(entry.hearing)) {
      entry.silence = 'none';
      for (const sink of sinks) sink.listened(elapsedMs);
    } else if (entry.silence === 'none') entry.silence = 'suspected';
    else if (entry.silence === 'suspected') {
      entry.silence = 'certain';
      for (const sink of sinks) sink.fellSilent();
    } else if (isDead(entry.hearing)) entry.connection.destroy(); // `disconnect` follows
  }
}

/** Whether anything is expected from this worker: an answer, or, if it was given up as silent, any sign of life. */
const isOwing = ({ waiting, silence }: Entry): boolean => waiting.size > 0 || silence !== 'none';
