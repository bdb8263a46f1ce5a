/**
 * Batches the events that leave the inference thread: those of one step go in one message. Each message wakes three
 * sleeping threads between here and the worker, and when all cores compute, each of these preempts a compute thread
 * that the others then wait for.
 */
import type { EngineEvent } from './messages.js';

export class EventGather {
  readonly #send: (events: readonly EngineEvent[]) => void;
  #gathered: EngineEvent[] = [];
  #holding = false;

  constructor(send: (events: readonly EngineEvent[]) => void) {
    this.#send = send;
  }

  /** Sends the event at once, unless events are held. */
  emit(event: EngineEvent): void {
    this.#gathered.push(event);
    if (!this.#holding) this.#flush();
  }

  /** From now on events gather: at most a few per slot. */
  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    this.#flush();
  }

  #flush(): void {
    if (this.#gathered.length === 0) return;
    const events = this.#gathered;
    this.#gathered = [];
    this.#send(events);
  }
}
