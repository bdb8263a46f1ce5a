/**
 * Which worker a client asks, and when a request that waits is better off elsewhere. Three tiers: workers with an empty queue
 * come before all others; among those count health and response; where every queue holds something, room, health and speed.
 * docs/rules.md says what of this the simulation of `bench/scale` chose, and what it is worth.
 *
 * Invariants: nobody is chosen whose status is stale, who lacks the model, has no capacity (but for the client's own worker, where
 * there is no other), or whose circuit is shut; an empty queue before any other; equal candidates get equal shares; of n clients
 * with one and the same view no worker gets more than twice its share, by score, of a shortlist that holds an eighth of its tier:
 * no herd after a stale status; nobody who is avoided where there is another one not tried yet.
 */
import { isModel } from '../protocol/model-name.js';
import { limits } from '../protocol/limits.js';
import type { StatusMessage } from '../protocol/messages.js';
import { allows, type Circuit } from './circuit.js';

export interface Candidate {
  /** The worker's ID. */
  readonly worker: string;
  readonly status: Pick<StatusMessage, 'models' | 'health' | 'queue' | 'slots' | 'performance'>;
  /** When the status came, on the caller's monotonic clock. */
  readonly heardAtMs: number;
  /** Requests that this client has sent there and the status does not show yet. */
  readonly inFlight: number;
  /** Absent where nothing is known against it. */
  readonly circuit?: Circuit | undefined;
  /** Its answers have failed spot checks (rules/suspicion.ts): last resort but for those tried. */
  readonly isAvoided?: boolean;
}

export interface Wish {
  /** Name or SHA-256; undefined takes what the worker has. */
  readonly model: string | undefined;
  /** Only this worker. */
  readonly pin: string | undefined;
  /** The client's own. The worker of this ID is its own machine, and serves it also at rest: last resort but for those tried. */
  readonly account: string | undefined;
  /** Workers that this request was at already: last resort. */
  readonly tried: readonly string[];
}

export const selectionRules = {
  /** Tiers 1 and 2: of a worker with an empty queue. */
  emptyQueue: { health: 0.7, response: 0.3 },
  /** Tier 3: where every queue holds something. */
  someQueue: { availability: 0.6, health: 0.3, performance: 0.1 },
  /** Faster than any machine: no more is believed, so that no claim is beyond all sums. */
  maxTokensPerSecond: 10_000,
  /** A mean response so long is worth nothing. */
  worstResponseMs: 10_000,
  /** The share of its tier, by the earliest end, of which two are drawn; at least two workers. */
  shortlistShare: 1 / 8,
  shortlistMin: 2,
  /** What runs just now is longer than most, as few long answers hold most of the time: a turn in a line lasts longer than a mean request. */
  turnLength: 2,
} as const;

export const isFresh = (candidate: Candidate, nowMs: number): boolean =>
  nowMs - candidate.heardAtMs < limits.statusStaleMs;

export const hasModel = ({ status }: Candidate, model: string | undefined): boolean =>
  model === undefined ? status.models.length > 0 : status.models.some((offer) => isModel(offer, model));

/** @param chance uniform in [0, 1), drawn at each call. */
export function selectWorker(
  candidates: readonly Candidate[],
  wish: Wish,
  nowMs: number,
  chance: () => number,
): Candidate | undefined {
  const able = candidates.filter((candidate) => isAble(candidate, wish, nowMs));
  const untried = able.filter(({ worker }) => !wish.tried.includes(worker));
  const trusted = untried.filter(({ isAvoided }) => isAvoided !== true);
  const pools = [trusted.filter(hasCapacity), trusted, untried.filter(hasCapacity), untried, able];
  const pool = pools.find(({ length }) => length > 0) ?? [];
  return betterOfTwo(shortlist(bestTier(prospects(pool))), chance)?.candidate;
}

/**
 * For a request that was told to wait at `here`: a worker not tried yet that promises a free slot and an earlier end, drawn
 * from all of those and not from a shortlist, since a status has just proved wrong. To go there: `cancel`, and `prompt` anew.
 * @param position of the request at `here`, from its `queue_status`; 1 is the next to start.
 */
export function selectElsewhere(
  candidates: readonly Candidate[],
  wish: Wish,
  here: { readonly worker: string; readonly position: number },
  nowMs: number,
  chance: () => number,
): Candidate | undefined {
  if (wish.pin !== undefined || here.position < 1) return undefined;
  const able = candidates.filter((candidate) => candidate.worker === here.worker || isAble(candidate, wish, nowMs));
  const pool = prospects(able);
  const present = pool.find(({ candidate }) => candidate.worker === here.worker);
  if (present === undefined) return undefined;
  const turns = 1 + (selectionRules.turnLength * here.position) / Math.max(1, present.room);
  const better = pool.filter(
    (prospect) =>
      prospect !== present &&
      prospect.candidate.isAvoided !== true &&
      !wish.tried.includes(prospect.candidate.worker) &&
      isFree(prospect) &&
      prospect.endsAfter < turns / present.speed,
  );
  return betterOfTwo(better, chance)?.candidate;
}

const hasCapacity = ({ status }: Candidate): boolean => status.health.capacity > 0;

const isAble = (candidate: Candidate, { model, pin, account }: Wish, nowMs: number): boolean =>
  isFresh(candidate, nowMs) &&
  hasModel(candidate, model) &&
  (hasCapacity(candidate) || candidate.worker === account) &&
  (candidate.circuit === undefined || allows(candidate.circuit, nowMs)) &&
  (pin === undefined || candidate.worker === pin);

/** What a new request could expect of a worker. */
interface Prospect {
  readonly candidate: Candidate;
  /** Slots that its health lets it fill. */
  readonly room: number;
  /** Requests there, those of this client that its last status does not show counted in. */
  readonly ahead: number;
  /** How many of those wait. */
  readonly waiting: number;
  /** Tokens per second of one answer; of a newcomer, the mean of the others. */
  readonly speed: number;
  /** When a request of common length would be over: proportional to a time. What the better of two is judged by. */
  readonly endsAfter: number;
  readonly score: number;
}

/** A new request would start there at once. */
const isFree = ({ waiting, ahead, room }: Prospect): boolean => waiting === 0 && ahead < room;

function prospects(candidates: readonly Candidate[]): Prospect[] {
  const speeds = candidates.flatMap((candidate) => speedOf(candidate) ?? []);
  const meanSpeed = speeds.length === 0 ? 1 : speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length;
  const bestSpeed = Math.max(meanSpeed, ...speeds);
  return candidates.map((candidate) => {
    const { queue, slots, health } = candidate.status;
    const room = Math.ceil((slots.total * health.capacity) / 100);
    const ahead = queue.length + slots.busy + candidate.inFlight;
    const waiting = Math.max(queue.length, ahead - room);
    const speed = speedOf(candidate) ?? meanSpeed;
    const turns = 1 + Math.max(0, ahead - room + 1) / Math.max(1, room);
    const score = scoreOf(candidate.status, waiting, speed / bestSpeed);
    return { candidate, room, ahead, waiting, speed, endsAfter: turns / speed, score };
  });
}

/** As it claims; undefined of a newcomer. */
const speedOf = ({ status: { performance } }: Candidate): number | undefined =>
  Math.min(performance.tokensPerSecond ?? 0, selectionRules.maxTokensPerSecond) || undefined;

/** Within 0..1, as all its terms. @param performance its speed as a share of the fastest one's. */
function scoreOf(
  { health, performance: means, queue }: Candidate['status'],
  waiting: number,
  performance: number,
): number {
  const { emptyQueue, someQueue, worstResponseMs } = selectionRules;
  const healthTerm = share(health.score / 100);
  if (waiting === 0) {
    const response = share(1 - (means.avgResponseMs ?? 0) / worstResponseMs);
    return emptyQueue.health * healthTerm + emptyQueue.response * response;
  }
  const availability = share(1 - waiting / Math.max(1, queue.capacity));
  return (
    someQueue.availability * availability + someQueue.health * healthTerm + someQueue.performance * share(performance)
  );
}

const share = (value: number): number => Math.min(1, Math.max(0, value));

/** Those with an empty queue before all others, and of them those with a free slot before those without. */
function bestTier(pool: readonly Prospect[]): readonly Prospect[] {
  const empty = pool.filter(({ waiting }) => waiting === 0);
  if (empty.length === 0) return pool;
  const free = empty.filter(isFree);
  return free.length > 0 ? free : empty;
}

/** Those that would end a request the earliest; whoever equals the last of them is one of them. */
function shortlist(tier: readonly Prospect[]): readonly Prospect[] {
  const { shortlistMin, shortlistShare } = selectionRules;
  const size = Math.max(shortlistMin, Math.ceil(shortlistShare * tier.length));
  const last = tier.map(({ endsAfter }) => endsAfter).sort((a, b) => a - b)[size - 1] ?? Infinity;
  return tier.filter(({ endsAfter }) => endsAfter <= last);
}

/** Two are drawn in proportion to their scores, and the one that ends a request earlier is taken: power of two choices. */
function betterOfTwo(pool: readonly Prospect[], chance: () => number): Prospect | undefined {
  const [one, other] = [drawn(pool, chance()), drawn(pool, chance())];
  if (one === undefined || other === undefined) return undefined;
  return other.endsAfter < one.endsAfter ? other : one;
}

/** In proportion to the scores; where all are 0, all alike. */
function drawn(pool: readonly Prospect[], chance: number): Prospect | undefined {
  const sum = pool.reduce((total, { score }) => total + score, 0);
  if (sum === 0) return pool[Math.floor(chance * pool.length)];
  let left = chance * sum;
  return pool.find(({ score }) => (left -= score) < 0) ?? pool.at(-1);
}
