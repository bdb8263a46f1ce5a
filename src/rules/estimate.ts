/**
 * How long a request still has to wait for its first token, from what runs, who stands before it and what requests took lately.
 * How far off the estimates are is measured by the bench `queue-estimate` (docs/rules.md).
 *
 * Invariants: never negative; nobody is told less than one who stands before it for the same slots and has as much to read.
 */

/** What a model's runs took here lately: running means. */
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

/** Before anything has been answered: a guess that is soon forgotten. */
const firstGuess: Pace = { promptChars: 200, prefillMs: 500, answerTokens: 100, decodeMs: 4_000 };

/** Weight of the newest run. */
const newest = 0.2;

export const paceOf = (pace: Pace | undefined): Pace => pace ?? firstGuess;

/** After one more run. The first replaces the guess. */
export function noteRun(pace: Pace | undefined, run: Pace): Pace {
  if (pace === undefined) return run;
  const mean = (of: keyof Pace): number => pace[of] + newest * (run[of] - pace[of]);
  return {
    promptChars: mean('promptChars'),
    prefillMs: mean('prefillMs'),
    answerTokens: mean('answerTokens'),
    decodeMs: mean('decodeMs'),
  };
}

/** From the slot to the first token. */
export const prefillMs = (pace: Pace, { promptChars }: Size): number =>
  (pace.prefillMs * promptChars) / Math.max(1, pace.promptChars);

/** From the slot to the end. */
export const holdMs = (pace: Pace, size: Size): number =>
  prefillMs(pace, size) +
  (pace.decodeMs * Math.min(pace.answerTokens, size.maxTokens ?? Infinity)) / Math.max(1, pace.answerTokens);

/** Who has held a slot for longer than it was thought to is thought to hold it for this share of that time again. */
const overrun = 0.25;

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

export interface WaitingSize {
  readonly model: string;
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

/** So many of the line are laid onto the slots one by one. What stands further back waits in proportion. */
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
  for (const { model, isPrivileged, prefillMs: readMs, holdMs: heldMs } of line) {
    if (waits.length >= maxLaid) {
      waits.push((laidMs * (waits.length + 1)) / maxLaid);
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
    waits.push(startMs + readMs);
  }
  return waits;
}
