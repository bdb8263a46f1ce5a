/**
 * Which of several requests killed an engine. A request that has lost an engine before is a suspect: it reads its
 * prompt alone next time, and meanwhile nothing else starts in its model. If the engine dies again then, the culprit is
 * known, and the requests beside it are not charged with the loss.
 *
 * Invariants: nobody is blamed for a first loss; at most one is blamed per death; whoever is blamed was either alone,
 * or the only one that had not produced anything yet.
 */

/** A request that has lost this many engines is not run again. */
export const lossesToGiveUp = 2;

/** A run at the moment its engine died. */
export interface RunAtDeath {
  /** How many engines its request had lost before. */
  readonly losses: number;
  /** It had produced something, so its prompt did no harm. */
  readonly hasSpoken: boolean;
}

/** The run that killed its engine, if that is certain. */
export function culpritOf<Run extends RunAtDeath>(runs: readonly Run[]): Run | undefined {
  const reading = runs.filter(({ hasSpoken }) => !hasSpoken);
  const [first, ...others] = reading.length > 0 ? reading : runs;
  return first !== undefined && others.length === 0 && first.losses > 0 ? first : undefined;
}

/** Whether it must run alone until it has produced something. */
export const isOnTrial = ({ losses, hasSpoken }: RunAtDeath): boolean => losses > 0 && !hasSpoken;
