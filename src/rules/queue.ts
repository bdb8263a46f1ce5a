/**
 * The queue of requests that wait for a slot. Eight lines, one behind the other: the owner's own requests, the six
 * tiers, the guests. Within a line, first come, first served. A request that has waited 12 times the target wait of its
 * line moves up one line and keeps its arrival time; then again after 12 times that line's target, and so on, but never
 * into Master.
 *
 * Invariants: nothing is lost or duplicated; the capacity is kept; within a line the earlier goes first, and of the
 * requests a slot can serve none of a later line goes before one of an earlier line; a removed or expired request never
 * leaves by `take`; a reported position is the position held.
 *
 * **Nobody waits without bound while Master leaves capacity.** Where a request stands depends only on its tier, its
 * arrival and the time (`standingOf`). So from `raisedFullyMs` after its arrival (162 s for a guest) it stands among
 * the Diamonds, and only Masters and the owner stand above it. Whatever goes before it from then on is one of these, or
 * arrived earlier. The latter are already waiting, so they are at most as many as the queue holds, and none is ever
 * added (one that lost its slot and is put back was counted when it started). With `n` of them, `m` requests of Masters
 * and the owner arriving meanwhile, `s` slots, and `h` the longest time a request holds one, it starts within
 * raisedFullyMs + h · ceil((n + m + 1) / s). Each of the `m` costs `h / s` and no more: if Masters hold less than all
 * slots over time, this is finite. The property of this name checks it.
 *
 * The queue is an immutable value: each function returns a new one, so a machine's context never changes under its
 * readers. All functions take O(log n), except those that return many requests.
 */
import { OrderedTree } from './ordered-tree.js';
import { tierRules, tiers, type Tier } from './tiers.js';

export interface Waiting {
  /** Account and id, unique among unfinished requests. */
  readonly key: string;
  /** SHA-256 of the model that must serve it. */
  readonly model: string;
  readonly tier: Tier;
  /** From the worker's owner: goes before every tier. */
  readonly isOwner: boolean;
  /** Increases with each admitted request: no two have the same. */
  readonly arrival: number;
  /** On the caller's clock, in milliseconds; so is the next. */
  readonly arrivedAtMs: number;
  /** Undefined waits for ever. */
  readonly expiresAtMs: number | undefined;
}

export type WaitingByTier = Readonly<Partial<Record<Tier | 'owner', number>>>;

/** A line, counted from the front: 0 is the owner's. */
type Line = number;

interface Standing {
  readonly line: Line;
  /** When it moves up; undefined if it stays. */
  readonly raisedAtMs: number | undefined;
}

interface Entry<Item extends Waiting> extends Standing {
  readonly item: Item;
}

type Index<Item extends Waiting> = OrderedTree<Entry<Waiting>, Entry<Item>>;

export interface Queue<Item extends Waiting> {
  readonly capacity: number;
  readonly inOrder: Index<Item>;
  readonly ofModel: ReadonlyMap<string, Index<Item>>;
  readonly byKey: OrderedTree<Keyed, Entry<Item>>;
  readonly byDeadline: Index<Item>;
  readonly byRaise: Index<Item>;
  /** How many arrived as guests, wherever they stand now. */
  readonly guests: number;
}

interface Keyed {
  readonly item: Pick<Waiting, 'key'>;
}

/** A request moves up after this many times its line's target wait. */
const patience = 12;
const ownersLine: Line = 0;
const lineOf = (tier: Tier): Line => 1 + tiers.indexOf(tier);
/** The highest line that waiting leads to. */
const topByWaiting = lineOf('diamond');
const raiseMs = tiers.map((tier) => patience * tierRules[tier].targetWaitMs);
const raiseAfterMs = (line: Line): number => raiseMs[line - 1] ?? 0;

/** Where a request stands at `nowMs`. */
export function standingOf(
  { tier, isOwner, arrivedAtMs }: Pick<Waiting, 'tier' | 'isOwner' | 'arrivedAtMs'>,
  nowMs: number,
): Standing {
  let line = isOwner ? ownersLine : lineOf(tier);
  let raisedAtMs = arrivedAtMs + raiseAfterMs(line);
  while (line > topByWaiting && raisedAtMs <= nowMs) raisedAtMs += raiseAfterMs(--line);
  return { line, raisedAtMs: line > topByWaiting ? raisedAtMs : undefined };
}

/** How long after its arrival a request has been raised as far as possible. */
export const raisedFullyMs = (tier: Tier): number =>
  raiseMs.slice(topByWaiting, lineOf(tier)).reduce((sum, ms) => sum + ms, 0);

const inOrder = (a: Entry<Waiting>, b: Entry<Waiting>): number => a.line - b.line || a.item.arrival - b.item.arrival;
const byKey = ({ item: { key: a } }: Keyed, { item: { key: b } }: Keyed): number => (a < b ? -1 : a > b ? 1 : 0);
const byDeadline = ({ item: a }: Entry<Waiting>, { item: b }: Entry<Waiting>): number =>
  (a.expiresAtMs ?? 0) - (b.expiresAtMs ?? 0) || a.arrival - b.arrival;
const byRaise = (a: Entry<Waiting>, b: Entry<Waiting>): number =>
  (a.raisedAtMs ?? 0) - (b.raisedAtMs ?? 0) || a.item.arrival - b.item.arrival;

export const emptyQueue = <Item extends Waiting>(capacity: number): Queue<Item> => ({
  capacity,
  inOrder: OrderedTree.empty(inOrder),
  ofModel: new Map(),
  byKey: OrderedTree.empty(byKey),
  byDeadline: OrderedTree.empty(byDeadline),
  byRaise: OrderedTree.empty(byRaise),
  guests: 0,
});

export const lengthOf = (queue: Queue<Waiting>): number => queue.inOrder.size;

/** From the next to leave to the last. */
export function* waitingIn<Item extends Waiting>(queue: Queue<Item>): Generator<Item, void, undefined> {
  for (const { item } of queue.inOrder) yield item;
}

/** Waiting requests by the tier they asked with; the owner's separately. O(n): for reports, not for every change. */
export function waitingByTier(queue: Queue<Waiting>): WaitingByTier {
  const counts: Partial<Record<Tier | 'owner', number>> = {};
  for (const { tier, isOwner } of waitingIn(queue)) {
    const who = isOwner ? 'owner' : tier;
    counts[who] = (counts[who] ?? 0) + 1;
  }
  return counts;
}

export const find = <Item extends Waiting>(queue: Queue<Item>, key: string): Item | undefined =>
  queue.byKey.find({ item: { key } })?.item;

/** How many have a key that begins with `prefix`. */
export const countOf = (queue: Queue<Waiting>, prefix: string): number =>
  queue.byKey.countBefore({ item: { key: `${prefix}\uffff` } }) - queue.byKey.countBefore({ item: { key: prefix } });

/** 1 is next; 0 means not in the queue. */
export function positionOf(queue: Queue<Waiting>, key: string): number {
  const entry = queue.byKey.find({ item: { key } });
  return entry === undefined ? 0 : queue.inOrder.countBefore(entry) + 1;
}

type Newcomer = Pick<Waiting, 'tier' | 'isOwner'>;

/** How many places may be filled at `sharePercent` of the machine. The owner is exempt. */
const places = (queue: Queue<Waiting>, { isOwner }: Newcomer, sharePercent: number): number =>
  isOwner ? queue.capacity : Math.ceil((queue.capacity * sharePercent) / 100);

/** Identities are free, so all guests together get half; but if there is any place at all, one of them may have it. */
const guestPlaces = (ofAll: number): number => (ofAll === 0 ? 0 : Math.max(1, Math.floor(ofAll / 2)));

const isGuest = ({ tier, isOwner }: Newcomer): boolean => tier === 'guest' && !isOwner;

/** Whether `newcomer` may wait: there is a free place, or one it may take from the last line. */
export function hasRoom(queue: Queue<Waiting>, newcomer: Newcomer, sharePercent: number): boolean {
  const open = places(queue, newcomer, sharePercent);
  if (isGuest(newcomer) && queue.guests >= guestPlaces(open)) return false;
  return lengthOf(queue) < open || mayDisplace(queue, newcomer);
}

const mayDisplace = ({ inOrder: { last } }: Queue<Waiting>, { tier, isOwner }: Newcomer): boolean =>
  last !== undefined && (isOwner ? ownersLine : lineOf(tier)) < last.line;

/**
 * Adds `item`. If the queue is full it takes the place of the newest request in the last occupied line, which is
 * returned. The caller has checked `hasRoom` and called `raise` for `nowMs`.
 */
export function enqueue<Item extends Waiting>(
  queue: Queue<Item>,
  item: Item,
  { nowMs, sharePercent }: { readonly nowMs: number; readonly sharePercent: number },
): readonly [Queue<Item>, displaced: Item | undefined] {
  const isFull = lengthOf(queue) >= places(queue, item, sharePercent);
  const displaced = isFull ? queue.inOrder.last?.item : undefined;
  const rest = displaced === undefined ? queue : remove(queue, displaced.key);
  return [put(rest, item, nowMs), displaced];
}

/**
 * Adds `item` at the place of its arrival, beyond the capacity if need be: for one that lost its slot and is never
 * refused, or one that finds a slot free and leaves again at once.
 */
export const put = <Item extends Waiting>(queue: Queue<Item>, item: Item, nowMs: number): Queue<Item> =>
  changed(queue, { item, ...standingOf(item, nowMs) }, 'insert');

export function remove<Item extends Waiting>(queue: Queue<Item>, key: string): Queue<Item> {
  const entry = queue.byKey.find({ item: { key } });
  return entry === undefined ? queue : changed(queue, entry, 'remove');
}

/** The first request that one of `models` can serve, and the queue without it. The caller has called `raise`. */
export function take<Item extends Waiting>(
  queue: Queue<Item>,
  models: Iterable<string>,
): readonly [Item | undefined, Queue<Item>] {
  let next: Entry<Item> | undefined;
  for (const model of models) {
    const first = queue.ofModel.get(model)?.first;
    if (first !== undefined && (next === undefined || inOrder(first, next) < 0)) next = first;
  }
  return next === undefined ? [undefined, queue] : [next.item, changed(queue, next, 'remove')];
}

/** The first request that `model` can serve; it stays in the queue. */
export const firstOf = <Item extends Waiting>(queue: Queue<Item>, model: string): Item | undefined =>
  queue.ofModel.get(model)?.first?.item;

/** The queue with every request in the line where it stands at `nowMs`; usually the same object. */
export function raise<Item extends Waiting>(queue: Queue<Item>, nowMs: number): Queue<Item> {
  let raised = queue;
  for (const entry of queue.byRaise) {
    if ((entry.raisedAtMs ?? 0) > nowMs) break;
    raised = put(changed(raised, entry, 'remove'), entry.item, nowMs);
  }
  return raised;
}

/** Requests whose deadline has passed at `nowMs`. They stay in the queue: remove each one once its client was told. */
export function expired<Item extends Waiting>(queue: Queue<Item>, nowMs: number): readonly Item[] {
  const over: Item[] = [];
  for (const { item } of queue.byDeadline) {
    if ((item.expiresAtMs ?? 0) > nowMs) break;
    over.push(item);
  }
  return over;
}

/** Updates all indexes for one entry. */
function changed<Item extends Waiting>(queue: Queue<Item>, entry: Entry<Item>, how: 'insert' | 'remove'): Queue<Item> {
  const { item, raisedAtMs } = entry;
  const ofThisModel = (queue.ofModel.get(item.model) ?? OrderedTree.empty(inOrder))[how](entry);
  const ofModel = new Map(queue.ofModel);
  if (ofThisModel.size > 0) ofModel.set(item.model, ofThisModel);
  else ofModel.delete(item.model);
  return {
    capacity: queue.capacity,
    inOrder: queue.inOrder[how](entry),
    ofModel,
    byKey: queue.byKey[how](entry),
    byDeadline: item.expiresAtMs === undefined ? queue.byDeadline : queue.byDeadline[how](entry),
    byRaise: raisedAtMs === undefined ? queue.byRaise : queue.byRaise[how](entry),
    guests: queue.guests + (isGuest(item) ? (how === 'insert' ? 1 : -1) : 0),
  };
}
