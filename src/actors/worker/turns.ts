/** A few turns for many who want one: the lowest rank goes first, and among equals the first to ask. */
export class Turns {
  #free: number;
  readonly #line = new Map<() => void, number>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Calls `given` when it is the caller's turn: at once, where one is free. @returns what gives it back, or leaves the line. */
  take(rank: number, given: () => void): () => void {
    let isMine = false;
    const begin = (): void => {
      isMine = true;
      given();
    };
    if (this.#free > 0) {
      this.#free--;
      begin();
    } else this.#line.set(begin, rank);
    return () => {
      this.#line.delete(begin);
      if (!isMine) return;
      isMine = false;
      this.#pass();
    };
  }

  #pass(): void {
    const [next] = [...this.#line].sort(([, a], [, b]) => a - b);
    if (next === undefined) {
      this.#free++;
      return;
    }
    const [begin] = next;
    this.#line.delete(begin);
    begin();
  }
}
