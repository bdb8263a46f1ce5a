/**
 * Membership in this machine's mesh, which survives the loss of any member.
 *
 * 1. `open`: binds the well-known port or else asks who holds it, until either works: joined.
 * 2. Every second: tries to bind the port (it is free once its holder has ended, however it ended), then asks who
 *    holds it.
 * 3. A new holder knows nobody: `moved`, and everything has to be announced again.
 * 4. `close`: releases the port for another member.
 *
 * Streams between members do not pass through the holder; they continue while it changes.
 */
import type HyperDHT from 'hyperdht';
import type { Address } from 'hyperdht';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Random } from '../../runtime/random.js';
import { destroyNode } from './bind-bootstrapper.js';
import { HolderMark, holdPort } from './local-holder.js';

const checkIntervalMs = 1_000;
/** Spreads the members' queries and bind attempts. */
const checkJitterMs = 200;
const openRetryMs = 150;
/** A holder may be starting or busy; a port held by another program stays silent for longer. */
const openTimeoutMs = 3_000;
const markBytes = 16;

export interface LocalMeshEvents {
  joined(holds: boolean): void;
  moved(holds: boolean): void;
  /** Only before `joined`. */
  failed(error: Error): void;
}

export class LocalMesh {
  readonly #address: Address;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #on: LocalMeshEvents;
  readonly #asker = new HolderMark(null);
  readonly #deadlineMs: number;
  #holder: HyperDHT | undefined;
  #mark: string | undefined;
  #timer: TimerHandle;
  #closed = false;

  /** @param node the process's own DHT node, already bound. */
  constructor(node: HyperDHT, address: Address, clock: Clock, random: Random, on: LocalMeshEvents) {
    this.#address = address;
    this.#clock = clock;
    this.#random = random;
    this.#on = on;
    this.#deadlineMs = clock.monotonicMs() + openTimeoutMs;
    node.register(this.#asker.name, this.#asker);
    void this.#check();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#clock.clearTimeout(this.#timer);
    if (this.#holder) await destroyNode(this.#holder);
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    let failure: unknown;
    try {
      if (this.#holder === undefined) await this.#tryToHold();
    } catch (error) {
      failure = error;
    }
    const mark = this.#closed ? undefined : await this.#asker.ask(this.#address);
    if (this.#closed) return;
    if (mark !== undefined) this.#heard(mark);
    else if (this.#mark === undefined && this.#clock.monotonicMs() >= this.#deadlineMs) {
      this.#on.failed(new Error(this.#whyNot(failure)));
      return;
    }
    const waitMs = this.#mark === undefined ? openRetryMs : checkIntervalMs + this.#random.next() * checkJitterMs;
    this.#timer = this.#clock.setTimeout(() => void this.#check(), waitMs);
  }

  async #tryToHold(): Promise<void> {
    const holder = await holdPort(this.#address, this.#random.bytes(markBytes));
    if (!this.#closed) this.#holder = holder;
    else if (holder) await destroyNode(holder);
  }

  #heard(mark: string): void {
    const before = this.#mark;
    this.#mark = mark;
    const holds = this.#holder !== undefined;
    if (before === undefined) this.#on.joined(holds);
    else if (before !== mark) this.#on.moved(holds);
  }

  #whyNot(failure: unknown): string {
    const where = `port ${this.#address.port} on ${this.#address.host}`;
    if (failure instanceof Error) return `cannot bind ${where}: ${failure.message}`;
    if (this.#holder !== undefined)
      return `${where} is bound, but cannot be reached even from here; bring the loopback interface up`;
    return `${where} is taken by another program; free it, or meet on another one with QMESH_BOOTSTRAP=local:PORT`;
  }
}
