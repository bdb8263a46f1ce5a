/**
 * How long a request still has to wait for its first token, from what runs, who stands before it and what requests took lately.
 * How far off the estimates are is measured by the bench `queue-estimate` (docs/rules.md).
 *
 * Requests are laid onto the slots in the order of the line. One that may be overtaken waits longer, by the share of the slots that requests of
 * the lines before its own have been asking for lately.
 *
 * Invariants: never negative; no request is told less than one that stands before it for the same slots and has as much to read.
 */
import { standingOf, type Waiting } from './queue.js';

/** What one run took; of several, the mean. */
export interface Pace {
  readonly promptChars: number;
  readonly prefillMs: number;
  readonly answerTokens: number;
  readonly decodeMs: number;
}

/** What of a request tells how long it holds a slot. */
export interface Size {
  readonly promptChars: number;
  /** `undefined`: as long as the model likes. */
  readonly maxTokens: number | undefined;
}

/** What a model's runs took here lately. */
export interface History {
  /** How many there were; beyond `memory` it does not matter. */
  readonly runs: number;
  readonly mean: Pace;
}

/** Before anything has been answered: a guess that is soon forgotten. */
const firstGuess: Pace = { promptChars: 200, prefillMs: 500, answerTokens: 100, decodeMs: 4_000 };

/** The newest run counts for one in so many. Lengths of answers differ widely: a shorter memory follows chance. */
const memory = 20;

export const paceOf = (history: History | undefined): Pace => history?.mean ?? firstGuess;

/** After one more run. The first replaces the guess. */
export function noteRun(history: History | undefined, run: Pace): History {
  const runs = Math.min(memory, (history?.runs ?? 0) + 1);
  const old = history?.mean ?? run;
  const mean = (of: keyof Pace): number => old[of] + (run[of] - old[of]) / runs;
  return {
    runs,
    mean: {
      promptChars: mean('promptChars'),
      prefillMs: mean('prefillMs'),
      answerTokens: mean('answerTokens'),
      decodeMs: mean('decodeMs'),
    },
  };
}

/** From the slot to the first token. */
export const prefillMs = (pace: Pace, { promptChars }: Size): number =>
  (pace.prefillMs * promptChars) / Math.max(1, pace.promptChars);

/** From the slot to the end. */
export const holdMs = (pace: Pace, size: Size): number =>
  prefillMs(pace, size) +
  (pace.decodeMs * Math.min(pace.answerTokens, size.maxTokens ?? Infinity)) / Math.max(1, pace.answerTokens);

/** A request that has held its slot for longer than expected is expected to hold it for this share of that time more. */
const overrun = 0.25;

/** How much longer something takes that was expected to take `expectedMs` and has taken `elapsedMs` so far. */
export const remainingMs = (expectedMs: number, elapsedMs: number): number =>
  Math.max(expectedMs - elapsedMs, overrun * elapsedMs);

/** The rest of a prompt, from how long its evaluated part took. `reused` tokens took nothing. */
export function remainingPrefillMs(
  { done, total, reused }: { readonly done: number; readonly total: number; readonly reused: number },
  elapsedMs: number,
): number {
  const evaluated = done - reused;
  return evaluated <= 0 ? 0 : (elapsedMs * Math.max(0, total - done)) / evaluated;
}

/** Work that comes in for each line, in slots that it would fill, over the last minute or so. */
export interface Inflow {
  readonly atMs: number;
  readonly ofLine: readonly number[];
}

export const noInflow: Inflow = { atMs: 0, ofLine: [] };

/** What came longer ago than this counts little. */
const inflowMs = 60_000;
/** The share of the slots that is left to a line at the least, whatever comes in above it: for ever is no estimate. */
const leastLeft = 0.25;

export function noteArrival(inflow: Inflow, line: number, heldMs: number, nowMs: number): Inflow {
  const left = Math.exp((inflow.atMs - nowMs) / inflowMs);
  const ofLine = Array.from({ length: Math.max(inflow.ofLine.length, line + 1) }, (_, i) => {
    return (inflow.ofLine[i] ?? 0) * left + (i === line ? heldMs / inflowMs : 0);
  });
  return { atMs: nowMs, ofLine };
}

/**
 * @returns a function that turns a wait without newcomers into one with them: those of earlier lines take their share of the slots, and
 * there are fewer of them after each time that waiting raises the request by a line.
 */
export function overtaking(inflow: Inflow, slots: number, nowMs: number) {
  const left = Math.exp((inflow.atMs - nowMs) / inflowMs) / Math.max(1, slots);
  const paceIn = (line: number): number =>
    Math.max(leastLeft, 1 - left * inflow.ofLine.slice(0, line).reduce((sum, filled) => sum + filled, 0));
  return (waiting: Pick<Waiting, 'tier' | 'isOwner' | 'arrivedAtMs'>, aloneMs: number): number => {
    let atMs = nowMs;
    for (let leftMs = aloneMs; ;) {
      const { line, raisedAtMs = Infinity } = standingOf(waiting, atMs);
      const pace = paceIn(line);
      const untilRaisedMs = raisedAtMs - atMs;
      if (leftMs <= pace * untilRaisedMs) return atMs + leftMs / pace - nowMs;
      leftMs -= pace * untilRaisedMs;
      atMs = raisedAtMs;
    }
  };
}

export interface WaitingSize {
  readonly model: string;
  /** How long it waits where it would wait so long if nobody came any more. */
  readonly overtaken: (aloneMs: number) => number;
  /** It may use the sequence beyond the slots. */
  readonly isPrivileged: boolean;
  readonly prefillMs: number;
  readonly holdMs: number;
}

export interface SlotOutlook {
  readonly model: string;
  readonly isReserve: boolean;
  /** Until it can be given to somebody else; 0 is now. */
  readonly freeInMs: number;
}

/** How many of the line are laid onto the slots one by one. Those further back are told a wait in proportion to their place. */
const maxLaid = 256;

/**
 * For each of the line, how long until its first token.
 * @param slotLimit how many of the slots without the reserve may be in use
 */
export function estimateWaits(
  line: Iterable<WaitingSize>,
  slots: readonly SlotOutlook[],
  slotLimit: number,
): readonly number[] {
  // Beyond the limit, those that come free first stay empty.
  const inUse = slots.filter(({ isReserve }) => !isReserve).sort((a, b) => b.freeInMs - a.freeInMs);
  const usable = [...inUse.slice(0, Math.max(1, slotLimit)), ...slots.filter(({ isReserve }) => isReserve)];
  const outlook = usable.map((slot) => ({ ...slot }));
  const waits: number[] = [];
  let laidMs = 0;
  for (const { model, isPrivileged, overtaken, prefillMs: readMs, holdMs: heldMs } of line) {
    if (waits.length >= maxLaid) {
      waits.push(overtaken((laidMs * (waits.length + 1)) / maxLaid));
      continue;
    }
    let next: { freeInMs: number } | undefined;
    for (const slot of outlook)
      if (slot.model === model && (isPrivileged || !slot.isReserve) && slot.freeInMs < (next?.freeInMs ?? Infinity))
        next = slot;
    // No slot of its model is there: its engine is on its way. As long as everything else takes is no worse a guess than another.
    const startMs = next?.freeInMs ?? laidMs;
    if (next !== undefined) next.freeInMs += heldMs;
    laidMs = Math.max(laidMs, startMs);
    waits.push(overtaken(startMs) + readMs);
  }
  return waits;
}
