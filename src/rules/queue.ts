/**
 * The queue of requests that wait for a slot. Eight lines, one behind the other: the owner's own requests, the six tiers, the
 * guests; in each of them the first to come goes first. A request that has waited 12 times the target wait of its line is moved up to the next
 * line and keeps its arrival there; again after 12 times that line's target, and so on, but never into Master.
 *
 * Invariants: nothing is lost or doubled; the capacity is kept; within a line the earlier goes first, and of those that a slot
 * can serve none of a later line goes before one of an earlier line; a removed or expired request never leaves by `take`; a
 * position reported is the position held.
 *
 * **Nobody waits without bound while Master leaves room.** Where a request stands depends on its tier, its arrival and the time
 * alone (`standingOf`). So there is a moment, `raisedFullyMs` after it came (162 s for a guest), from which it stands among the
 * Diamonds, and nobody but Masters and the owner stands above them. Whoever goes before it from then on is one of these, or came
 * before it; the latter wait already, so they are at most as many as the queue holds, and none is ever added (one that lost its
 * slot and is put back was counted when it started). With `n` of them, `m` Masters and owner's that come meanwhile, `s` slots and
 * `h` the longest time that a request holds one, it starts within raisedFullyMs + h · ceil((n + m + 1) / s). Each `m` costs `h / s`
 * and no more: if Masters hold less than all slots over time, this is finite. The property of this name checks it.
 *
 * The queue is a value: each function returns a new one, so that a machine's context never changes under its readers. All take
 * O(log n), but for those that return many.
 */
import { OrderedTree } from './ordered-tree.js';
import { tierRules, tiers, type Tier } from './tiers.js';

export interface Waiting {
  /** Account and id: unique among the unfinished. */
  readonly key: string;
  /** SHA-256 of the model that must serve it. */
  readonly model: string;
  readonly tier: Tier;
  /** Asked by the worker's owner: goes before every tier. */
  readonly isOwner: boolean;
  /** Rises from one admitted request to the next: no two have the same. */
  readonly arrival: number;
  /** On the clock of the caller, in milliseconds, as the next. */
  readonly arrivedAtMs: number;
  /** `undefined` waits for ever. */
  readonly expiresAtMs: number | undefined;
}

export type WaitingByTier = Readonly<Partial<Record<Tier | 'owner', number>>>;

/** A line, counted from the front: 0 is the owner's. */
type Line = number;

interface Standing {
  readonly line: Line;
  /** When it moves up; `undefined` stays. */
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
  /** How many came as guests, wherever they stand by now. */
  readonly guests: number;
}

interface Keyed {
  readonly item: Pick<Waiting, 'key'>;
}

/** Of its tier's target wait, after which a request moves up. */
const patience = 12;
const ownersLine: Line = 0;
const lineOf = (tier: Tier): Line => 1 + tiers.indexOf(tier);
/** As far as waiting alone leads. */
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

/** How long after its arrival a request stands as far in front as waiting leads. */
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

/** From the next one to leave to the last. */
export function* waitingIn<Item extends Waiting>(queue: Queue<Item>): Generator<Item, void, undefined> {
  for (const { item } of queue.inOrder) yield item;
}

/** How many wait, by the tier that they asked with; the owner's own apart. Takes O(n): for who looks, not for each change. */
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

/** Those whose key begins with `prefix`. */
export const countOf = (queue: Queue<Waiting>, prefix: string): number =>
  queue.byKey.countBefore({ item: { key: `${prefix}\uffff` } }) - queue.byKey.countBefore({ item: { key: prefix } });

/** 1 is next. 0: not in the queue. */
export function positionOf(queue: Queue<Waiting>, key: string): number {
  const entry = queue.byKey.find({ item: { key } });
  return entry === undefined ? 0 : queue.inOrder.countBefore(entry) + 1;
}

type Newcomer = Pick<Waiting, 'tier' | 'isOwner'>;

/** What may be filled of the queue at `sharePercent` of the machine. Its owner is not limited by it. */
const places = (queue: Queue<Waiting>, { isOwner }: Newcomer, sharePercent: number): number =>
  isOwner ? queue.capacity : Math.ceil((queue.capacity * sharePercent) / 100);

/** Identities are free, so all guests together get half; but where there is a place at all, one of them may have it. */
const guestPlaces = (ofAll: number): number => (ofAll === 0 ? 0 : Math.max(1, Math.floor(ofAll / 2)));

const isGuest = ({ tier, isOwner }: Newcomer): boolean => tier === 'guest' && !isOwner;

/** Whether `newcomer` may wait: there is a place, or one that it may take from somebody of the last line. */
export function hasRoom(queue: Queue<Waiting>, newcomer: Newcomer, sharePercent: number): boolean {
  const open = places(queue, newcomer, sharePercent);
  if (isGuest(newcomer) && queue.guests >= guestPlaces(open)) return false;
  return lengthOf(queue) < open || mayDisplace(queue, newcomer);
}

const mayDisplace = ({ inOrder: { last } }: Queue<Waiting>, { tier, isOwner }: Newcomer): boolean =>
  last !== undefined && (isOwner ? ownersLine : lineOf(tier)) < last.line;

/**
 * With `item`. Where the queue is full it takes the place of the newest in the last line that somebody stands in, who is returned.
 * The caller has asked `hasRoom`, and `raise`d to `nowMs`.
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
 * With `item` where its arrival puts it, and beyond the capacity if need be: one that lost its slot and is never refused, or one
 * that finds a slot free and leaves again at once.
 */
export const put = <Item extends Waiting>(queue: Queue<Item>, item: Item, nowMs: number): Queue<Item> =>
  changed(queue, { item, ...standingOf(item, nowMs) }, 'insert');

export function remove<Item extends Waiting>(queue: Queue<Item>, key: string): Queue<Item> {
  const entry = queue.byKey.find({ item: { key } });
  return entry === undefined ? queue : changed(queue, entry, 'remove');
}

/** The first that one of `models` can serve, and the queue without it. The caller has `raise`d. */
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

/** The first that `model` can serve; still in the queue. */
export const firstOf = <Item extends Waiting>(queue: Queue<Item>, model: string): Item | undefined =>
  queue.ofModel.get(model)?.first?.item;

/** The queue with every request in the line where it stands at `nowMs`: mostly the very same queue. */
export function raise<Item extends Waiting>(queue: Queue<Item>, nowMs: number): Queue<Item> {
  let raised = queue;
  for (const entry of queue.byRaise) {
    if ((entry.raisedAtMs ?? 0) > nowMs) break;
    raised = put(changed(raised, entry, 'remove'), entry.item, nowMs);
  }
  return raised;
}

/** Those whose deadline has passed at `nowMs`. They are still in the queue: remove each when it has been told. */
export function expired<Item extends Waiting>(queue: Queue<Item>, nowMs: number): readonly Item[] {
  const over: Item[] = [];
  for (const { item } of queue.byDeadline) {
    if ((item.expiresAtMs ?? 0) > nowMs) break;
    over.push(item);
  }
  return over;
}

/** All indexes, with or without one entry. */
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
