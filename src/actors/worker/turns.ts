/** Limits how many callers run at once. The lowest rank goes first; equals go in the order they asked. */
export class Turns {
  #free: number;
  readonly #line = new Map<() => void, number>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /**
   * Calls `given` when it is the caller's turn, at once if a turn is free.
   * @returns a function that gives the turn back, or leaves the line.
   */
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
