/**
 * What the page has seen, so that it can go back in time: the initial state of all actors, and all items since, in
 * order. The state after any item is computed from these. The length is limited: items dropped at the front are applied
 * to the initial state.
 */
import type { ActorSight, Failures, Hello, Item } from '../wire.js';

export const maxItems = 5_000;
/** How long an ended actor stays visible. */
const lingerMs = 3_000;

export interface Actor extends Omit<ActorSight, 'status'> {
  readonly status: ActorSight['status'] | 'gone';
  /** Id of the request it works on. */
  readonly request: string | undefined;
  readonly failures: Failures | undefined;
  /** When its state last changed. */
  readonly sinceMs: number;
}

export type Actors = Map<string, Actor>;

export interface Recording {
  readonly beginning: readonly (readonly [string, Actor])[];
  readonly items: readonly Item[];
}

export class History {
  readonly #beginning: Actors;
  #items: Item[];
  /** Number of items dropped at the front. */
  #dropped = 0;

  constructor({ beginning, items }: Recording) {
    this.#beginning = new Map(beginning);
    this.#items = [...items];
  }

  static from({ actors, failures, atMs }: Hello): History {
    const beginning = actors.map((sight): [string, Actor] => [
      sight.name,
      { ...sight, request: undefined, failures: failures[sight.name], sinceMs: atMs },
    ]);
    return new History({ beginning, items: [] });
  }

  /** Oldest first. */
  get items(): readonly Item[] {
    return this.#items;
  }

  get dropped(): number {
    return this.#dropped;
  }

  add(items: readonly Item[]): void {
    this.#items.push(...items);
    const over = this.#items.length - maxItems;
    if (over <= 0) return;
    for (const item of this.#items.slice(0, over)) apply(this.#beginning, item);
    this.#items = this.#items.slice(over);
    this.#dropped += over;
  }

  /** The state of all actors after the first `count` items. */
  at(count = this.#items.length): Actors {
    const actors = new Map(this.#beginning);
    for (const item of this.#items.slice(0, count)) apply(actors, item);
    return actors;
  }

  get recording(): Recording {
    return { beginning: [...this.#beginning], items: this.#items };
  }
}

export function apply(actors: Actors, item: Item): void {
  const { atMs } = item;
  for (const [name, { status, sinceMs }] of actors)
    if (status === 'gone' && atMs - sinceMs > lingerMs) actors.delete(name);
  switch (item.kind) {
    case 'started':
    case 'moved': {
      const { actor, request } = item;
      const before = actors.get(actor.name);
      actors.set(actor.name, {
        ...actor,
        request,
        failures: hasBrokenDown(actor) ? oneMore(before, `state ${actor.states.join(', ')}`, atMs) : before?.failures,
        sinceMs: atMs,
      });
      return;
    }
    case 'failed': {
      const { name, reason, restartInMs } = item;
      const before = actors.get(name);
      if (before === undefined) return;
      const failures = oneMore(before, reason, atMs);
      const status = restartInMs === null ? 'down' : 'waiting';
      actors.set(name, { ...before, status, states: [], request: undefined, failures, sinceMs: atMs });
      return;
    }
    case 'gone': {
      const before = actors.get(item.name);
      if (before === undefined || before.status === 'waiting') return;
      actors.set(item.name, { ...before, status: 'gone', sinceMs: atMs });
      return;
    }
    case 'message':
    case 'logged':
  }
}

/** Some machines represent a crash of what they drive as a state; the machine itself has not failed. */
const hasBrokenDown = ({ states }: ActorSight): boolean =>
  states.some((state) => /\.(crashed|faulted|wedged|quarantined)$/.test(state));

const oneMore = (before: Actor | undefined, reason: string, atMs: number): Failures => ({
  count: (before?.failures?.count ?? 0) + 1,
  reason,
  atMs,
});

/** The text of an item that the filter searches: actors, event, request. */
export function searchable(item: Item): string {
  switch (item.kind) {
    case 'message':
      return `${item.from ?? ''} ${item.to} ${item.type} ${item.request ?? ''}`.toLowerCase();
    case 'started':
    case 'moved':
      return `${item.actor.name} ${item.actor.states.join(' ')} ${item.request ?? ''}`.toLowerCase();
    case 'failed':
    case 'gone':
      return item.name.toLowerCase();
    case 'logged':
      return `${item.line.event} ${Object.values(item.line.fields).join(' ')}`.toLowerCase();
  }
}

/** Whether every word of the filter occurs. */
export function fits(text: string, filter: string): boolean {
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
