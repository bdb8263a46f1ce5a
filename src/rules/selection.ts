/**
 * Which worker a client asks, and when a queued request is better off elsewhere. Workers with an empty queue come
 * before all others, and health and response decide among them; if every queue has entries, availability, health and
 * speed decide. docs/rules.md says what the simulation of `bench/scale` led to, and what it is worth.
 *
 * Invariants: never chooses a worker whose status is stale, that lacks the model, that has no capacity (except the
 * client's own worker, if there is no other), or whose circuit is open; an empty queue comes before any other; equal
 * candidates get equal shares; of n clients with the same view no worker gets more than twice its share, by score, of a
 * shortlist that holds an eighth of its group, so a stale status causes no herd; an avoided worker is chosen only if no
 * other untried one is left.
 */
import { isModel } from '../protocol/model-name.js';
import { limits } from '../protocol/limits.js';
import type { StatusMessage } from '../protocol/messages.js';
import { allows, type Circuit } from './circuit.js';

export interface Candidate {
  /** The worker's ID. */
  readonly worker: string;
  readonly status: Pick<StatusMessage, 'models' | 'health' | 'queue' | 'slots' | 'performance'>;
  /** When the status arrived, on the caller's monotonic clock. */
  readonly heardAtMs: number;
  /** Requests this client has sent there that the status does not reflect yet. */
  readonly inFlight: number;
  /** Absent if nothing is held against it. */
  readonly circuit?: Circuit | undefined;
  /** Its answers failed spot checks (rules/suspicion.ts): chosen only before those already tried. */
  readonly isAvoided?: boolean;
}

export interface Wish {
  /** Name or SHA-256; undefined takes any. */
  readonly model: string | undefined;
  /** Only this worker. */
  readonly pin: string | undefined;
  /**
   * The client's own account. Its own worker serves it even with a capacity of 0: chosen only before those already
   * tried.
   */
  readonly account: string | undefined;
  /** Workers that already had this request: last resort. */
  readonly tried: readonly string[];
}

export const selectionRules = {
  /** Weights for a worker with an empty queue. */
  emptyQueue: { health: 0.7, response: 0.3 },
  /** Weights if every queue has entries. */
  someQueue: { availability: 0.6, health: 0.3, performance: 0.1 },
  /** Faster than any machine. Higher claims are capped, so that no claim dominates every score. */
  maxTokensPerSecond: 10_000,
  /** A mean response this long is worth nothing. */
  worstResponseMs: 10_000,
  /** Size of the shortlist, as a share of the group by earliest end; at least two workers. */
  shortlistShare: 1 / 8,
  shortlistMin: 2,
  /**
   * Running requests are longer than average, since a few long answers hold most of the time; so a turn in a queue
   * takes longer than a mean request.
   */
  turnLength: 2,
} as const;

export const isFresh = (candidate: Candidate, nowMs: number): boolean =>
  nowMs - candidate.heardAtMs < limits.statusStaleMs;

export const hasModel = ({ status }: Candidate, model: string | undefined): boolean =>
  model === undefined ? status.models.length > 0 : status.models.some((offer) => isModel(offer, model));

/** @param chance uniform in [0, 1), drawn at each call */
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
 * For a request queued at `here`: an untried worker that promises a free slot and an earlier end, drawn from all such
 * workers and not from a shortlist, since a status has just proved wrong. To move: `cancel`, then a new `prompt`.
 * @param position of the request at `here`, from its `queue_status`; 1 starts next
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
  /** Slots that its health allows it to fill. */
  readonly room: number;
  /** Requests there, including this client's that its last status does not show. */
  readonly ahead: number;
  /** How many of those are waiting. */
  readonly waiting: number;
  /** Tokens per second of one answer; for a newcomer, the mean of the others. */
  readonly speed: number;
  /**
   * Proportional to the time until a typical request would end there. The better of two is the one with the lower
   * value.
   */
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

/** As claimed; undefined for a newcomer. */
const speedOf = ({ status: { performance } }: Candidate): number | undefined =>
  Math.min(performance.tokensPerSecond ?? 0, selectionRules.maxTokensPerSecond) || undefined;

/** Within 0..1, like all its terms. @param performance its speed as a share of the fastest worker's */
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

/** Workers with an empty queue before all others, and among them those with a free slot first. */
function bestTier(pool: readonly Prospect[]): readonly Prospect[] {
  const empty = pool.filter(({ waiting }) => waiting === 0);
  if (empty.length === 0) return pool;
  const free = empty.filter(isFree);
  return free.length > 0 ? free : empty;
}

/** Workers that would end a request earliest, including all that tie with the last one. */
function shortlist(tier: readonly Prospect[]): readonly Prospect[] {
  const { shortlistMin, shortlistShare } = selectionRules;
  const size = Math.max(shortlistMin, Math.ceil(shortlistShare * tier.length));
  const last = tier.map(({ endsAfter }) => endsAfter).sort((a, b) => a - b)[size - 1] ?? Infinity;
  return tier.filter(({ endsAfter }) => endsAfter <= last);
}

/**
 * Power of two choices: draws two in proportion to their scores, and takes the one that would end a request earlier.
 */
function betterOfTwo(pool: readonly Prospect[], chance: () => number): Prospect | undefined {
  const [one, other] = [drawn(pool, chance()), drawn(pool, chance())];
  if (one === undefined || other === undefined) return undefined;
  return other.endsAfter < one.endsAfter ? other : one;
}

/** Draws in proportion to the scores, or uniformly if all are 0. */
function drawn(pool: readonly Prospect[], chance: number): Prospect | undefined {
  const sum = pool.reduce((total, { score }) => total + score, 0);
  if (sum === 0) return pool[Math.floor(chance * pool.length)];
  let left = chance * sum;
  return pool.find(({ score }) => (left -= score) < 0) ?? pool.at(-1);
}
