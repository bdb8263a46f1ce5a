/**
 * Limits live where they belong, beside the queue, map or retry that they cap. Here is what ties them together: relations between
 * them are asserted when a module loads, so that a limit changed in one place cannot break another one unseen.
 */

/** For `options.maxIterations` of every machine: XState's own default is no limit, and a cycle of transitions hangs the process. */
export const MAX_MICROSTEPS = 1_000;

/** What must hold, in words that name the limits and their values, and whether it does. */
export type Relation = readonly [statement: string, holds: boolean];

/** @throws naming every relation that does not hold. */
export function assertRelations(relations: readonly Relation[]): void {
  const broken = relations.filter(([, holds]) => !holds).map(([statement]) => statement);
  if (broken.length > 0) throw new Error(`limits contradict each other: ${broken.join('; ')}`);
}
