/**
 * The queue of requests that wait for a slot: bounded, first in first out among those that an idle slot can serve.
 *
 * Invariants: nothing is lost or doubled; capacity is kept; of two requests for one model the earlier leaves first; a
 * removed or expired request never leaves by `take`; a position reported is the position held.
 *
 * The queue is a value: each function returns a new one, so that a machine's context never changes under its readers.
 */

export interface Waiting {
  /** Account and id: unique among the unfinished. */
  readonly key: string;
  /** SHA-256 of the model that must serve it. */
  readonly model: string;
  /** On the clock of the caller, in milliseconds; `undefined` waits for ever. */
  readonly expiresAtMs: number | undefined;
}

export interface Queue<Item extends Waiting> {
  readonly capacity: number;
  /** In the order of leaving. A Map keeps the order in which keys were added. */
  readonly items: ReadonlyMap<string, Item>;
}

export const emptyQueue = <Item extends Waiting>(capacity: number): Queue<Item> => ({ capacity, items: new Map() });

export const isFull = (queue: Queue<Waiting>): boolean => queue.items.size >= queue.capacity;

/** At the end. The caller has asked `isFull`. */
export function enqueue<Item extends Waiting>(queue: Queue<Item>, item: Item): Queue<Item> {
  return { ...queue, items: new Map(queue.items).set(item.key, item) };
}

/** At the front, and beyond the capacity if need be: a request that was already in a slot and lost it is never refused. */
export function giveBack<Item extends Waiting>(queue: Queue<Item>, item: Item): Queue<Item> {
  return { ...queue, items: new Map([[item.key, item], ...queue.items]) };
}

/** The first that `model` can serve, and the queue without it. */
export function take<Item extends Waiting>(
  queue: Queue<Item>,
  model: string,
): readonly [Item | undefined, Queue<Item>] {
  for (const item of queue.items.values()) if (item.model === model) return [item, remove(queue, item.key)];
  return [undefined, queue];
}

export function remove<Item extends Waiting>(queue: Queue<Item>, key: string): Queue<Item> {
  const items = new Map(queue.items);
  return items.delete(key) ? { ...queue, items } : queue;
}

/** Those whose deadline has passed at `nowMs`. They are still in the queue: remove each when it has been told. */
export function expired<Item extends Waiting>(queue: Queue<Item>, nowMs: number): readonly Item[] {
  return [...queue.items.values()].filter((item) => item.expiresAtMs !== undefined && item.expiresAtMs <= nowMs);
}

/** 1 is next. 0: not in the queue. */
export function positionOf(queue: Queue<Waiting>, key: string): number {
  let position = 0;
  for (const waiting of queue.items.keys()) {
    position++;
    if (waiting === key) return position;
  }
  return 0;
}
