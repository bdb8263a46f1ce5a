/**
 * Notes that `qmesh ask` and `qmesh chat` show a person beside the answer: where the question waits, and which worker
 * took over.
 */
import type { CheckedAnswer } from '../client/client.js';
import type { Answer, Failover, QueuePosition } from '../client/answer-stream.js';
import { isLocalWorker } from '../client/local-workers.js';

/** Enough characters of an ID to tell workers apart. */
const shortIdChars = 8;

/** Undefined: the request is not waiting. */
export function positionNote({ position, estimatedWaitMs }: QueuePosition): string | undefined {
  if (position === 0) return undefined;
  const wait = estimatedWaitMs < 1_000 ? '' : `, about ${Math.round(estimatedWaitMs / 1_000)} s`;
  return `waiting: ${position === 1 ? 'next in line' : `${position - 1} ahead of you`}${wait}`;
}

const happened: Readonly<Record<string, string>> = {
  worker_lost: 'disconnected',
  worker_silent: 'stopped responding',
  worker_stalled: 'got stuck',
};

export function failoverNote({ from, to }: Failover): string {
  const what = happened[from.failure?.code ?? ''] ?? `did not answer (${from.failure?.code ?? 'unknown'})`;
  return `${workerName(from.worker)} ${what}; ${workerName(to)} took over`;
}

/** Undefined: the answer was free. */
export function paidNote({ paidMillipoints = 0 }: Pick<Answer, 'paidMillipoints'>): string | undefined {
  if (paidMillipoints === 0) return undefined;
  return `paid ${paidMillipoints / 1_000} ${paidMillipoints === 1_000 ? 'point' : 'points'}`;
}

const judged: Readonly<Record<string, string>> = {
  valid: 'finds the answer likely',
  too_short: 'finds the answer too short to be judged',
  improbable: 'finds the answer improbable for the model',
  cut_short: 'finds that the answer was cut short',
};

export function checkedNote({ worker, checker, verdict, isAvoided }: Omit<CheckedAnswer, 'text'>): string {
  const what = judged[verdict] ?? `says of the answer: ${verdict}`;
  return `${workerName(checker)} ${what}${isAvoided ? `; ${workerName(worker)} is asked last from now on` : ''}`;
}

export const workerName = (worker: string): string =>
  isLocalWorker(worker) ? 'this machine' : `worker ${worker.slice(0, shortIdChars)}`;
