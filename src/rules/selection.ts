/**
 * Which worker a client asks. Candidates are workers whose status is fresh and that have the model; among them, those with
 * the fewest requests before ours, counting what this client itself has there and the status does not know yet.
 */
import { limits } from '../protocol/limits.js';
import type { StatusMessage } from '../protocol/messages.js';
import { isModel } from './admission.js';

export interface Candidate {
  /** The worker's ID. */
  readonly worker: string;
  readonly status: Pick<StatusMessage, 'models' | 'health' | 'queue' | 'slots'>;
  /** When the status came, on the caller's monotonic clock. */
  readonly heardAtMs: number;
  /** Requests of this client that are unfinished there. */
  readonly inFlight: number;
}

export interface Wish {
  /** Name or SHA-256; undefined takes what the worker has. */
  readonly model: string | undefined;
  /** Only this worker. */
  readonly pin: string | undefined;
  /** Workers that already failed this request: last resort. */
  readonly tried: readonly string[];
}

export const isFresh = (candidate: Candidate, nowMs: number): boolean =>
  nowMs - candidate.heardAtMs < limits.statusStaleMs;

export const hasModel = ({ status }: Candidate, model: string | undefined): boolean =>
  model === undefined ? status.models.length > 0 : status.models.some((offer) => isModel(offer, model));

/** @param chance uniform in [0, 1): breaks ties, so that clients do not all pick the same. */
export function selectWorker(
  candidates: readonly Candidate[],
  wish: Wish,
  nowMs: number,
  chance: number,
): Candidate | undefined {
  const able = candidates.filter(
    (candidate) =>
      isFresh(candidate, nowMs) &&
      hasModel(candidate, wish.model) &&
      candidate.status.health.capacity > 0 &&
      (wish.pin === undefined || candidate.worker === wish.pin),
  );
  const untried = able.filter(({ worker }) => !wish.tried.includes(worker));
  const pool = untried.length > 0 ? untried : able;
  const least = Math.min(...pool.map(burden));
  const best = pool.filter((candidate) => burden(candidate) === least);
  return best[Math.floor(chance * best.length)];
}

/** How many requests stand before a new one, as a share of the slots. */
function burden({ status, inFlight }: Candidate): number {
  const ahead = Math.max(status.queue.length + status.slots.busy, inFlight);
  return ahead / Math.max(1, status.slots.total);
}
