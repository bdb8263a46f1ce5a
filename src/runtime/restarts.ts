/**
 * How often each actor has failed and why it failed last, as reported by supervisors. Kept outside the tree, so that it
 * is still visible to someone who looks only after a crash.
 */
import type { Clock } from './clock.js';
import { reasonOf } from './errors.js';
import type { SupervisionEvent } from './supervision.js';

/** Maximum number of names. Names of connections are recycled, so a tree has no more than this. */
const maxNames = 4_096;

export interface Failures {
  readonly count: number;
  /** Of the last failure. */
  readonly reason: string;
  /** Unix time. */
  readonly atMs: number;
}

export class Restarts {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();
  readonly #listeners = new Set<(event: SupervisionEvent) => void>();
  #restarts = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All restarts of all actors. */
  get count(): number {
    return this.#restarts;
  }

  /** Actors that have ever failed. */
  get failures(): ReadonlyMap<string, Failures> {
    return this.#failures;
  }

  note(event: SupervisionEvent): void {
    if ('restartInMs' in event) this.#restarts++;
    if (event.type === 'child.failed') this.#count(event.id, reasonOf(event.error));
    for (const hear of this.#listeners) hear(event);
  }

  /** @returns unsubscribe */
  listen(hear: (event: SupervisionEvent) => void): () => void {
    this.#listeners.add(hear);
    return () => void this.#listeners.delete(hear);
  }

  #count(id: string, reason: string): void {
    const before = this.#failures.get(id);
    if (before === undefined && this.#failures.size >= maxNames) return;
    this.#failures.set(id, { count: (before?.count ?? 0) + 1, reason, atMs: this.#clock.now() });
  }
}
