/**
 * Delivers a client's acks to its workers. An ack is stored before it is sent and until it has arrived: if it could not
 * be sent, or its connection was lost within seconds, it is sent again on the next connection to that worker, for a
 * day. Arriving twice does no harm.
 *
 * If acks are stored only in memory, a killed client loses the unsent ones, and their workers are not paid. It never
 * signs replacements, since it has forgotten the orders as well.
 */
import { encodeFrame } from '../../protocol/frame.js';
import { protocolVersion } from '../../protocol/messages.js';
import type { Ack } from '../../protocol/signed-objects.js';
import { ackLifeMs } from '../../rules/receipt.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Connection } from '../ports.js';

/** Maximum number of acks on their way; beyond that, no more are sent. */
export const maxUnarrived = 1_000;
/** An ack counts as arrived if its connection is still open this long after the write. */
export const arrivedAfterMs = 10_000;

export interface KeptAck {
  readonly worker: string;
  /** ID of the request. */
  readonly id: string;
  readonly ack: Ack;
}

/** Where acks wait until they have arrived. A store on disk has written the ack when `keep` returns. */
export interface AckStore {
  /** Oldest first. */
  load(): readonly KeptAck[];
  /** @throws if it cannot be stored. */
  keep(kept: KeptAck): void;
  drop(kept: KeptAck): void;
}

export const acksInMemory: AckStore = { load: () => [], keep: () => {}, drop: () => {} };

interface Unarrived {
  readonly kept: KeptAck;
  /** Runs while the connection that it was written to is open. */
  timer: TimerHandle;
}

export class AckPost {
  readonly #store: AckStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By receipt. */
  readonly #unarrived = new Map<string, Unarrived>();
  /** By worker. */
  readonly #connections = new Map<string, Connection>();

  constructor(store: AckStore, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    for (const kept of store.load())
      if (clock.now() - kept.ack.at < ackLifeMs) this.#unarrived.set(kept.ack.receipt, { kept, timer: undefined });
      else store.drop(kept);
  }

  /** @returns false if it cannot be stored, and so is not sent. */
  send(kept: KeptAck): boolean {
    if (this.#unarrived.size >= maxUnarrived) return false;
    try {
      this.#store.keep(kept);
    } catch (error) {
      this.#log.warn('ack.not_kept', { error, note: 'It is not sent, so the worker is not paid for this answer.' });
      return false;
    }
    const unarrived: Unarrived = { kept, timer: undefined };
    this.#unarrived.set(kept.ack.receipt, unarrived);
    this.#write(unarrived);
    return true;
  }

  connected(connection: Connection): void {
    this.#connections.set(connection.remoteKey, connection);
    for (const unarrived of this.#of(connection.remoteKey)) this.#write(unarrived);
  }

  /** @returns false if a newer connection to that worker has replaced this one. */
  disconnected(connection: Connection): boolean {
    const worker = connection.remoteKey;
    if (this.#connections.get(worker) !== connection) return false;
    this.#connections.delete(worker);
    for (const unarrived of this.#of(worker)) this.#clock.clearTimeout(unarrived.timer);
    return true;
  }

  /** Connections are closed gracefully after this, so what was written to them arrives. */
  close(): void {
    for (const unarrived of [...this.#unarrived.values()]) {
      this.#clock.clearTimeout(unarrived.timer);
      if (this.#connections.has(unarrived.kept.worker)) this.#arrived(unarrived);
    }
  }

  #of(worker: string): Unarrived[] {
    return [...this.#unarrived.values()].filter(({ kept }) => kept.worker === worker);
  }

  #write(unarrived: Unarrived): void {
    const { worker, id, ack } = unarrived.kept;
    const connection = this.#connections.get(worker);
    if (connection === undefined) return;
    connection.write(encodeFrame({ v: protocolVersion, type: 'receipt_ack', id, ack }));
    this.#clock.clearTimeout(unarrived.timer);
    unarrived.timer = this.#clock.setTimeout(() => this.#arrived(unarrived), arrivedAfterMs);
  }

  #arrived(unarrived: Unarrived): void {
    this.#unarrived.delete(unarrived.kept.ack.receipt);
    this.#store.drop(unarrived.kept);
  }
}
