/**
 * The workers that a client is connected to, what each last said about itself, and the requests that wait for each. Lives
 * outside the actors: an answer's text goes from the connection straight to the request that asked, never through a machine.
 */
import { encodeFrame } from '../protocol/frame.js';
import type {
  ClientMessage,
  InferenceErrorMessage,
  InferenceResultMessage,
  InferenceTokenMessage,
  QueueStatusMessage,
  StatusMessage,
} from '../protocol/messages.js';
import type { Candidate } from '../rules/selection.js';
import type { Clock } from '../runtime/clock.js';
import type { Connection } from './ports.js';

/** What a request hears from its worker. */
export interface AnswerSink {
  position(message: QueueStatusMessage): void;
  token(message: InferenceTokenMessage): void;
  result(message: InferenceResultMessage): void;
  error(message: InferenceErrorMessage): void;
  /** The connection is gone. Nothing follows. */
  lost(): void;
}

interface Entry {
  readonly connection: Connection;
  readonly waiting: Map<string, AnswerSink>;
  status: StatusMessage | undefined;
  heardAtMs: number;
}

export class WorkerDirectory {
  readonly #clock: Clock;
  /** By worker ID, which is the key that the connection proves. */
  readonly #entries = new Map<string, Entry>();
  #onChange: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Called when a worker comes, goes, or says something new. One listener, the latest. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  connect(connection: Connection): void {
    this.disconnect(connection.remoteKey);
    this.#entries.set(connection.remoteKey, { connection, waiting: new Map(), status: undefined, heardAtMs: 0 });
  }

  /** `connection`: only if it is still this one; a worker may have been dialled anew. */
  disconnect(worker: string, connection?: Connection): void {
    const entry = this.#entries.get(worker);
    if (entry === undefined || (connection !== undefined && entry.connection !== connection)) return;
    this.#entries.delete(worker);
    for (const sink of entry.waiting.values()) sink.lost();
    this.#onChange();
  }

  heard(worker: string, status: StatusMessage): void {
    const entry = this.#entries.get(worker);
    if (entry === undefined) return;
    entry.status = status;
    entry.heardAtMs = this.#clock.monotonicMs();
    this.#onChange();
  }

  /** The request that waits for `id` at this worker. */
  sink(worker: string, id: string): AnswerSink | undefined {
    return this.#entries.get(worker)?.waiting.get(id);
  }

  /** @returns false where the worker is not connected any more. @throws FrameTooLargeError */
  ask(worker: string, message: Extract<ClientMessage, { type: 'prompt' }>, sink: AnswerSink): boolean {
    const entry = this.#entries.get(worker);
    if (entry === undefined) return false;
    const frame = encodeFrame(message);
    entry.waiting.set(message.id, sink);
    entry.connection.write(frame);
    return true;
  }

  send(worker: string, message: ClientMessage): void {
    this.#entries.get(worker)?.connection.write(encodeFrame(message));
  }

  /** Whatever this worker still says about the request is ignored. */
  forget(worker: string, id: string): void {
    this.#entries.get(worker)?.waiting.delete(id);
  }

  /** The workers that have said who they are. */
  candidates(): readonly (Candidate & { readonly status: StatusMessage })[] {
    return [...this.#entries].flatMap(([worker, { status, heardAtMs, waiting }]) =>
      status === undefined ? [] : [{ worker, status, heardAtMs, inFlight: waiting.size }],
    );
  }
}
