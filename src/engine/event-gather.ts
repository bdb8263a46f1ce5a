/**
 * Events on their way out of the inference thread. What one step brings leaves in one message: every message wakes three
 * sleeping threads between here and the worker, and where all cores compute, each of them puts a compute thread aside for
 * which the others then wait.
 */
import type { EngineEvent } from './messages.js';

export class EventGather {
  readonly #send: (events: readonly EngineEvent[]) => void;
  #gathered: EngineEvent[] = [];
  #holding = false;

  constructor(send: (events: readonly EngineEvent[]) => void) {
    this.#send = send;
  }

  /** Leaves at once, unless held. */
  emit(event: EngineEvent): void {
    this.#gathered.push(event);
    if (!this.#holding) this.#flush();
  }

  /** From now on events gather, at most a few for each slot. */
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
