/** The next event: a binary heap of (time, event), both numbers. */

export class EventHeap {
  #times = new Float64Array(1024);
  #events = new Float64Array(1024);
  #size = 0;

  /** When the next event is due; infinity where there is none. */
  get nextMs() {
    return this.#size === 0 ? Infinity : /** @type {number} */ (this.#times[0]);
  }

  /** @param {number} atMs @param {number} event */
  push(atMs, event) {
    if (this.#size === this.#times.length) this.#grow();
    let hole = this.#size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const parentMs = /** @type {number} */ (this.#times[parent]);
      if (parentMs <= atMs) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#times[hole] = atMs;
    this.#events[hole] = event;
  }

  /** @returns {number} the next event; there must be one. */
  pop() {
    const first = /** @type {number} */ (this.#events[0]);
    const last = --this.#size;
    const lastMs = /** @type {number} */ (this.#times[last]);
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= last) break;
      const other = child + 1;
      if (other < last && /** @type {number} */ (this.#times[other]) < /** @type {number} */ (this.#times[child]))
        child = other;
      if (/** @type {number} */ (this.#times[child]) >= lastMs) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#move(last, hole);
    return first;
  }

  /** @param {number} from @param {number} to */
  #move(from, to) {
    this.#times[to] = /** @type {number} */ (this.#times[from]);
    this.#events[to] = /** @type {number} */ (this.#events[from]);
  }

  #grow() {
    const [times, events] = [new Float64Array(2 * this.#size), new Float64Array(2 * this.#size)];
    times.set(this.#times);
    events.set(this.#events);
    [this.#times, this.#events] = [times, events];
  }
}
