/** A finite pool of numbers for actors that come and go: names are recycled, since XState remembers each for ever. */
export class Places {
  readonly #free: number[];

  constructor(capacity: number) {
    this.#free = Array.from({ length: capacity }, (_, place) => capacity - 1 - place);
  }

  /** The lowest that was freed last; undefined when all are taken. */
  take(): number | undefined {
    return this.#free.pop();
  }

  free(place: number): void {
    this.#free.push(place);
  }
}
