/**
 * When an engine dies under several requests, which of them killed it. One that was lost with its engine before is a suspect, and
 * reads its prompt by itself the next time: nothing else is started in its model meanwhile. So where the engine dies again at that, it
 * is known who did it, and those beside it are not charged with the loss.
 *
 * Invariants: nobody is blamed for a first loss; at most one is blamed for a death; one that is blamed was either alone, or the only
 * one that had not said anything yet.
 */

/** Losses after which a request is not run again. */
export const lossesToGiveUp = 2;

/** A run, as it was when its engine died. */
export interface RunAtDeath {
  /** How often its request had lost an engine before. */
  readonly losses: number;
  /** This run had said something: its prompt did no harm. */
  readonly hasSpoken: boolean;
}

/** The one that killed its engine, if that is certain. */
export function culpritOf<Run extends RunAtDeath>(runs: readonly Run[]): Run | undefined {
  const reading = runs.filter(({ hasSpoken }) => !hasSpoken);
  const [first, ...others] = reading.length > 0 ? reading : runs;
  return first !== undefined && others.length === 0 && first.losses > 0 ? first : undefined;
}

/** Whether it must be by itself until it has said something. */
export const isOnTrial = ({ losses, hasSpoken }: RunAtDeath): boolean => losses > 0 && !hasSpoken;
