/**
 * Actors that come and go under one supervisor, one per connection or request. Their names come from a finite pool and
 * are recycled, since XState remembers every name forever.
 */
import type { AnyActorSystem } from '../runtime/actor-system.js';
import type { ActorSpec } from '../runtime/supervision.js';
import { tell } from '../runtime/tell.js';

/** Connections beyond the limit, for as long as an evicted one takes to close. */
export const spareConnections = 8;

export class Places {
  readonly #supervisor: string;
  readonly #nameOf: (place: number) => string;
  readonly #free: number[];

  constructor(supervisor: string, nameOf: (place: number) => string, count: number) {
    this.#supervisor = supervisor;
    this.#nameOf = nameOf;
    this.#free = Array.from({ length: count }, (_, place) => count - 1 - place);
  }

  /**
   * Starts a temporary actor.
   *
   * @param make gets its name, and a function it must call once it is over, however it ended
   * @returns the name; undefined if all places are taken or the supervisor is down
   */
  start(
    system: AnyActorSystem,
    make: (name: string, gone: () => void) => Omit<ActorSpec, 'id' | 'restart'>,
  ): string | undefined {
    const place = this.#free.pop();
    if (place === undefined) return undefined;
    const id = this.#nameOf(place);
    const gone = (): void => void this.#free.push(place);
    const spec: ActorSpec = { ...make(id, gone), id, restart: 'temporary' };
    if (tell(system, this.#supervisor, { type: 'sup.start', spec })) return id;
    gone();
    return undefined;
  }
}
