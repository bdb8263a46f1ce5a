/**
 * Which of a worker's models are in memory. As many as fit; the others are loaded when they are asked for, in place of those that were
 * used least recently.
 *
 * Invariants: what is loaded, or on its way in or out, fits the budget, except for one model alone that is larger; a model with a request
 * in it is never unloaded; whoever waits for a model that is not loaded is not kept waiting by those whose model is: when that has had its
 * turn, nothing new starts in it.
 */

/** `parked`: on the disk only. */
export type Residence = 'parked' | 'loading' | 'loaded' | 'leaving';

export interface Resident {
  readonly memoryBytes: number;
  readonly residence: Residence;
  /** Its requests in slots. */
  readonly running: number;
  /** Since when the first in its line waits; undefined where nobody does. */
  readonly waitingSinceMs: number | undefined;
  /** When it was last seen with a request, or loaded. */
  readonly usedAtMs: number;
  readonly loadedAtMs: number;
}

export interface ResidencyPlan<Key> {
  readonly load: readonly Key[];
  readonly unload: readonly Key[];
  /** In these nothing new is started: they are to go as soon as they are done. */
  readonly hold: readonly Key[];
}

/** How long a model that is kept busy stays, once it is loaded, while somebody waits for another one. Loading takes seconds itself. */
export const turnMs = 10_000;

/** @param residents in the order in which the user named them: the first are loaded first. */
export function planResidency<Key>(
  residents: ReadonlyMap<Key, Resident>,
  budgetBytes: number,
  nowMs: number,
): ResidencyPlan<Key> {
  const inMemory = [...residents].filter(([, { residence }]) => residence !== 'parked');
  let freeBytes = budgetBytes - sum(inMemory);
  const load: Key[] = [];
  const parked = [...residents].filter(([, { residence }]) => residence === 'parked');
  const waitedFor = parked
    .filter(([, { waitingSinceMs }]) => waitingSinceMs !== undefined)
    .sort(([, a], [, b]) => (a.waitingSinceMs ?? 0) - (b.waitingSinceMs ?? 0));
  for (const [key, { memoryBytes }] of [...waitedFor, ...parked.filter((one) => !waitedFor.includes(one))]) {
    const isAlone = inMemory.length + load.length === 0;
    if (memoryBytes > freeBytes && !isAlone) {
      // The first that somebody waits for is not overtaken by smaller ones: they would fill its place for ever.
      if (waitedFor.length > 0) break;
      continue;
    }
    load.push(key);
    freeBytes -= memoryBytes;
  }
  const [next] = waitedFor.filter(([key]) => !load.includes(key));
  return { load, ...(next === undefined ? nobodyGoes : makeRoom(inMemory, next[1], freeBytes, nowMs)) };
}

const nobodyGoes = { unload: [], hold: [] } as const;

/** For the one that has been waited for longest. What nobody uses goes first; then, when the turn is over, what others do. */
function makeRoom<Key>(
  inMemory: readonly (readonly [Key, Resident])[],
  { memoryBytes, waitingSinceMs = 0 }: Resident,
  freeBytes: number,
  nowMs: number,
): Pick<ResidencyPlan<Key>, 'unload' | 'hold'> {
  let missingBytes = memoryBytes - freeBytes - sum(inMemory.filter(([, { residence }]) => residence === 'leaving'));
  const hadItsTurn = ({ loadedAtMs }: Resident): boolean => nowMs - Math.max(waitingSinceMs, loadedAtMs) >= turnMs;
  const goes: (readonly [Key, Resident])[] = [];
  const loaded = inMemory.filter(([, { residence }]) => residence === 'loaded');
  for (const one of loaded.sort(([, a], [, b]) => Number(isUsed(a)) - Number(isUsed(b)) || a.usedAtMs - b.usedAtMs)) {
    if (missingBytes <= 0) break;
    if (isUsed(one[1]) && !hadItsTurn(one[1])) continue;
    goes.push(one);
    missingBytes -= one[1].memoryBytes;
  }
  // Half of the room is of no use: nobody is turned out for it. (A model alone gets all of it, however large it is.)
  const isEnough = missingBytes <= 0 || goes.length === inMemory.length;
  if (!isEnough) return nobodyGoes;
  return {
    unload: goes.filter(([, { running }]) => running === 0).map(([key]) => key),
    hold: goes.filter(([, { running }]) => running > 0).map(([key]) => key),
  };
}

const isUsed = ({ running, waitingSinceMs }: Resident): boolean => running > 0 || waitingSinceMs !== undefined;

const sum = (residents: readonly (readonly [unknown, Resident])[]): number =>
  residents.reduce((bytes, [, { memoryBytes }]) => bytes + memoryBytes, 0);
