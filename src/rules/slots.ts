/**
 * Which request gets which slot. Every sequence of an engine is an ordinary slot except the last, the reserve: it is
 * kept for Masters and the worker's owner, whose requests start in it at once when every slot is taken.
 *
 * Invariants: the reserve serves nobody else, and them only if no slot of their model is available; no more slots are
 * filled than the machine's health allows; of the requests that could start, the first in line starts first.
 */
import { reusable, type Conversation, type Held } from './prefix.js';
import { firstOf, take, type Queue, type Waiting } from './queue.js';

/** Sequences of an engine beyond its slots. */
export const reservedSequences = 1;

/** A slot according to its last report. */
export interface SlotView {
  /** SHA-256. */
  readonly model: string;
  readonly isReserve: boolean;
  /** Key of the request in it; undefined means idle. */
  readonly key: string | undefined;
  /** Undefined: its sequence has read nothing yet. */
  readonly held: Held | undefined;
}

export type Slots = ReadonlyMap<string, SlotView>;

/** Total and busy slots, not counting the reserve. */
export function usageOf(slots: Slots): { readonly total: number; readonly busy: number } {
  const ordinary = [...slots.values()].filter(({ isReserve }) => !isReserve);
  return { total: ordinary.length, busy: ordinary.filter(({ key }) => key !== undefined).length };
}

/** How many slots may be filled at `sharePercent` of the machine. */
export const slotLimit = (slots: Slots, sharePercent: number): number =>
  Math.ceil((usageOf(slots).total * sharePercent) / 100);

/** Whether a request may use the reserve. A machine that its owner needs entirely is not lent even to a Master. */
export const isPrivileged = ({ tier, isOwner }: Pick<Waiting, 'tier' | 'isOwner'>, sharePercent: number): boolean =>
  isOwner || (tier === 'master' && sharePercent > 0);

interface Start<Item extends Waiting> {
  readonly item: Item;
  readonly slot: string;
  /** Without the item. */
  readonly queue: Queue<Item>;
}

interface Asking extends Waiting {
  readonly account: string;
  readonly prompt: Conversation;
}

/**
 * The next request to start, and where; undefined if none can.
 *
 * @param sharesPrefix whether what one account asked may be reused for another
 */
export function nextStart<Item extends Asking>(
  queue: Queue<Item>,
  slots: Slots,
  sharePercent: number,
  sharesPrefix: boolean,
): Start<Item> | undefined {
  const idle = [...slots].filter(([, { key }]) => key === undefined);
  if (usageOf(slots).busy < slotLimit(slots, sharePercent)) {
    const ordinary = idle.filter(([, { isReserve }]) => !isReserve);
    const [item, rest] = take(queue, new Set(ordinary.map(([, { model }]) => model)));
    if (item !== undefined) return { item, slot: bestFor(item, ordinary, sharesPrefix), queue: rest };
  }
  for (const [slot, { model, isReserve }] of idle) {
    if (!isReserve) continue;
    const first = firstOf(queue, model);
    if (first === undefined || !isPrivileged(first, sharePercent)) continue;
    return { item: first, slot, queue: take(queue, [model])[1] };
  }
  return undefined;
}

/**
 * Among the idle slots for its model: the one that reuses the most of the prompt; where none does, an unused one, or else the
 * one used least recently.
 */
function bestFor(
  { model, account, prompt }: Asking,
  idle: readonly (readonly [string, SlotView])[],
  sharesPrefix: boolean,
): string {
  const fitting = idle
    .filter(([, slot]) => slot.model === model)
    .map(([name, { held }]) => ({
      name,
      reusable: reusable(held, account, prompt, sharesPrefix),
      sinceMs: held?.sinceMs ?? -Infinity,
    }));
  return fitting.sort((a, b) => b.reusable - a.reusable || a.sinceMs - b.sinceMs)[0]?.name ?? '';
}
