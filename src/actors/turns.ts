/** A few turns for many who want one, given in the order of asking. */
export class Turns {
  #free: number;
  readonly #line = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Calls `given` when it is the caller's turn: at once, where one is free. @returns what gives it back, or leaves the line. */
  take(given: () => void): () => void {
    let isMine = false;
    const begin = (): void => {
      isMine = true;
      given();
    };
    if (this.#free > 0) {
      this.#free--;
      begin();
    } else this.#line.add(begin);
    return () => {
      this.#line.delete(begin);
      if (!isMine) return;
      isMine = false;
      const [next] = this.#line;
      if (next === undefined) {
        this.#free++;
        return;
      }
      this.#line.delete(next);
      next();
    };
  }
}
