/**
 * Which of a worker's models are in memory: as many as fit. The others are loaded on demand, replacing the least
 * recently used.
 *
 * Invariants: models that are loaded, loading or unloading fit the budget, except for a single larger model alone; a
 * model with a running request is never unloaded; steady demand for a loaded model does not starve requests for one
 * that is not: once the loaded model has had its turn, nothing new starts in it.
 */

/** `parked`: only on disk. */
export type Residence = 'parked' | 'loading' | 'loaded' | 'leaving';

export interface Resident {
  readonly memoryBytes: number;
  readonly residence: Residence;
  /** Its requests in slots. */
  readonly running: number;
  /** Since when its first waiting request has waited; undefined if there is none. */
  readonly waitingSinceMs: number | undefined;
  /** When it last had a request, or was loaded. */
  readonly usedAtMs: number;
  readonly loadedAtMs: number;
}

export interface ResidencyPlan<Key> {
  readonly load: readonly Key[];
  readonly unload: readonly Key[];
  /** Nothing new starts in these: they are unloaded as soon as they are idle. */
  readonly hold: readonly Key[];
}

/** How long a busy model stays once loaded while requests wait for another. Loading itself takes seconds. */
export const turnMs = 10_000;

/** @param residents in the order the user named them: earlier ones are loaded first */
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
      // The longest-awaited model is not overtaken by smaller ones, which would take its room for ever.
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

/** Makes room for the longest-awaited model: unused models go first, then those that have had their turn. */
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
  // Partial room is useless, so nothing is unloaded for it. (A model on its own gets everything, however large it is.)
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
