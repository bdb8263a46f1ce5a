/**
 * Which request gets which slot. All sequences of an engine but one are slots like any other; the last is kept for Masters and the
 * worker's owner, whose requests start in it at once when every slot is taken.
 *
 * Invariants: the reserve serves nobody else, and them only where no slot of their model may be given; no more slots are filled
 * than the machine's health allows; of those that could start, the first in line starts first.
 */
import { firstOf, take, type Queue, type Waiting } from './queue.js';

/** Sequences of an engine beyond its slots. */
export const reservedSequences = 1;

/** A slot as its last report has it. */
export interface SlotView {
  /** SHA-256. */
  readonly model: string;
  readonly isReserve: boolean;
  /** Key of the request in it; undefined is idle. */
  readonly key: string | undefined;
  /** Whose prefix its sequence holds. */
  readonly lastAccount: string | undefined;
}

export type Slots = ReadonlyMap<string, SlotView>;

/** How many slots there are and how many are taken, the reserve not counted. */
export function usageOf(slots: Slots): { readonly total: number; readonly busy: number } {
  const ordinary = [...slots.values()].filter(({ isReserve }) => !isReserve);
  return { total: ordinary.length, busy: ordinary.filter(({ key }) => key !== undefined).length };
}

/** How many slots may be filled at `sharePercent` of the machine. */
export const slotLimit = (slots: Slots, sharePercent: number): number =>
  Math.ceil((usageOf(slots).total * sharePercent) / 100);

/** Whether a request may have the reserve. A machine that its owner needs altogether is not lent to a Master either. */
export const isPrivileged = ({ tier, isOwner }: Pick<Waiting, 'tier' | 'isOwner'>, sharePercent: number): boolean =>
  isOwner || (tier === 'master' && sharePercent > 0);

interface Start<Item extends Waiting> {
  readonly item: Item;
  readonly slot: string;
  /** Without the item. */
  readonly queue: Queue<Item>;
}

/** The next request to start, and where; undefined where nobody waits who could. */
export function nextStart<Item extends Waiting & { readonly account: string }>(
  queue: Queue<Item>,
  slots: Slots,
  sharePercent: number,
): Start<Item> | undefined {
  const idle = [...slots].filter(([, { key }]) => key === undefined);
  if (usageOf(slots).busy < slotLimit(slots, sharePercent)) {
    const ordinary = idle.filter(([, { isReserve }]) => !isReserve);
    const [item, rest] = take(queue, new Set(ordinary.map(([, { model }]) => model)));
    if (item !== undefined) return { item, slot: bestFor(item, ordinary), queue: rest };
  }
  for (const [slot, { model, isReserve }] of idle) {
    if (!isReserve) continue;
    const first = firstOf(queue, model);
    if (first === undefined || !isPrivileged(first, sharePercent)) continue;
    return { item: first, slot, queue: take(queue, [model])[1] };
  }
  return undefined;
}

/** Of the idle slots for its model: one whose sequence still holds something of its account, or else one that holds nothing. */
function bestFor(
  { model, account }: { readonly model: string; readonly account: string },
  idle: readonly (readonly [string, SlotView])[],
): string {
  const rank = ({ lastAccount }: SlotView): number => (lastAccount === account ? 0 : lastAccount === undefined ? 1 : 2);
  const fitting = idle.filter(([, slot]) => slot.model === model).sort(([, a], [, b]) => rank(a) - rank(b));
  return fitting[0]?.[0] ?? '';
}
