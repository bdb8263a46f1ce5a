/**
 * How long a request still has to wait for its first token, given what is running, what is ahead of it, and how long
 * requests took recently. The bench `queue-estimate` measures the error (docs/rules.md).
 *
 * Requests are laid onto the slots in queue order. One that may be overtaken waits longer, by the share of the slots
 * that earlier lines have recently been asking for.
 *
 * Invariants: never negative; no request is told less than one ahead of it for the same slots with as much to read.
 */
import { standingOf, type Waiting } from './queue.js';

/** Cost of one run, or the mean of several. */
export interface Pace {
  readonly promptChars: number;
  readonly prefillMs: number;
  readonly answerTokens: number;
  readonly decodeMs: number;
}

/** What determines how long a request holds a slot. */
export interface Size {
  readonly promptChars: number;
  /** Undefined: as long as the model likes. */
  readonly maxTokens: number | undefined;
}

/** Recent runs of one model. */
export interface History {
  /** Number of runs; beyond `memory` it does not matter. */
  readonly runs: number;
  readonly mean: Pace;
}

/** Used before anything has been answered; soon replaced. */
const firstGuess: Pace = { promptChars: 200, prefillMs: 500, answerTokens: 100, decodeMs: 4_000 };

/**
 * The newest run has a weight of one in this many. Answer lengths vary widely: a shorter memory would follow chance.
 */
const memory = 20;

export const paceOf = (history: History | undefined): Pace => history?.mean ?? firstGuess;

/** After one more run; the first replaces the guess. */
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

/** From getting a slot to the first token. */
export const prefillMs = (pace: Pace, { promptChars }: Size): number =>
  (pace.prefillMs * promptChars) / Math.max(1, pace.promptChars);

/** From getting a slot to the end. */
export const holdMs = (pace: Pace, size: Size): number =>
  prefillMs(pace, size) +
  (pace.decodeMs * Math.min(pace.answerTokens, size.maxTokens ?? Infinity)) / Math.max(1, pace.answerTokens);

/** A request that has overrun its estimate is expected to take this share of its elapsed time more. */
const overrun = 0.25;

/** Remaining time of something expected to take `expectedMs` that has taken `elapsedMs` so far. */
export const remainingMs = (expectedMs: number, elapsedMs: number): number =>
  Math.max(expectedMs - elapsedMs, overrun * elapsedMs);

/** Remaining time of a prompt, from the time its evaluated part took. `reused` tokens took none. */
export function remainingPrefillMs(
  { done, total, reused }: { readonly done: number; readonly total: number; readonly reused: number },
  elapsedMs: number,
): number {
  const evaluated = done - reused;
  return evaluated <= 0 ? 0 : (elapsedMs * Math.max(0, total - done)) / evaluated;
}

/** Incoming work per line, in slots it would fill, over roughly the last minute. */
export interface Inflow {
  readonly atMs: number;
  readonly ofLine: readonly number[];
}

export const noInflow: Inflow = { atMs: 0, ofLine: [] };

/** Arrivals older than this count little. */
const inflowMs = 60_000;
/** The least share of the slots assumed to remain for a line, whatever arrives above it: "never" is not an estimate. */
const leastLeft = 0.25;

export function noteArrival(inflow: Inflow, line: number, heldMs: number, nowMs: number): Inflow {
  const left = Math.exp((inflow.atMs - nowMs) / inflowMs);
  const ofLine = Array.from({ length: Math.max(inflow.ofLine.length, line + 1) }, (_, i) => {
    return (inflow.ofLine[i] ?? 0) * left + (i === line ? heldMs / inflowMs : 0);
  });
  return { atMs: nowMs, ofLine };
}

/**
 * @returns a function that turns a wait without newcomers into one with them: arrivals in earlier lines take their
 * share of the
 * slots, and there are fewer such lines each time aging raises the request
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
  /** Its wait with newcomers, given its wait without. */
  readonly overtaken: (aloneMs: number) => number;
  /** It may use the sequence beyond the slots. */
  readonly isPrivileged: boolean;
  readonly prefillMs: number;
  readonly holdMs: number;
}

export interface SlotOutlook {
  readonly model: string;
  readonly isReserve: boolean;
  /** Until it is available; 0 is now. */
  readonly freeInMs: number;
}

/** Requests laid onto the slots one by one. Those further back get a wait in proportion to their position. */
const maxLaid = 256;

/**
 * For each request in line, the time until its first token.
 * @param slotLimit how many slots, not counting the reserve, may be in use
 */
export function estimateWaits(
  line: Iterable<WaitingSize>,
  slots: readonly SlotOutlook[],
  slotLimit: number,
): readonly number[] {
  // Beyond the limit, the slots that become free first stay empty.
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
    // No slot of its model: its engine is on its way. As long as everything else takes is as good a guess as any.
    const startMs = next?.freeInMs ?? laidMs;
    if (next !== undefined) next.freeInMs += heldMs;
    laidMs = Math.max(laidMs, startMs);
    waits.push(overtaken(startMs) + readMs);
  }
  return waits;
}
