/** What a client suspects its workers of, by rules/suspicion.ts. */
import { isAvoided, noSuspicion, reporting, suspected, weightOf, type Suspicion } from '../../rules/suspicion.js';
import { BoundedMap } from '../../runtime/bounded-map.js';
import type { Clock } from '../../runtime/clock.js';

/** Maximum number of suspected workers. The one whose last failed check is oldest is forgotten first. */
const maxSuspicions = 256;

export class Suspicions {
  readonly #clock: Clock;
  readonly #of = new BoundedMap<string, Suspicion>(maxSuspicions);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  avoids(worker: string): boolean {
    const suspicion = this.#of.get(worker);
    return suspicion !== undefined && isAvoided(suspicion, this.#clock.monotonicMs());
  }

  /** `checker` reports that the work of `worker` is bad. */
  hear(checker: string, worker: string): void {
    const now = this.#clock.monotonicMs();
    const weight = weightOf(this.#get(checker), now);
    this.#of.set(checker, reporting(this.#get(checker), now));
    this.#of.set(worker, suspected(this.#get(worker), weight, now));
  }

  #get(worker: string): Suspicion {
    return this.#of.get(worker) ?? noSuspicion;
  }
}
