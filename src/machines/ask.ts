/** The tries of one request, and the arithmetic on them. Pure; the chart is in ask.machine.ts. */

/** Workers tried, including the one that succeeds. */
export const maxTries = 5;
/**
 * Queues a request may leave for a free slot, in addition to its tries. Beyond that it would only chase stale statuses.
 */
export const maxMoves = 4;
/** Proofs of work per try. A worker that keeps demanding more is left. */
export const maxProofs = 2;
/** A worker that still responds while its engine hangs repairs the engine within about this time. */
const repairMs = 60_000;

/** How a worker failed this request, or why it was left. */
export interface AskFailure {
  /** A wire code, or one of the client's own. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** When the worker said to try again. */
  readonly retryAfterMs?: number;
  /** The proof of work that the worker requires. */
  readonly work?: { readonly challenge: string; readonly bits: number };
}

export interface Proof {
  readonly challenge: string;
  readonly nonce: string;
}

export interface Try {
  readonly worker: string;
  /** Undefined for the try that answered. */
  readonly failure: AskFailure | undefined;
}

/** The worker still has the request and may recover. */
export const doubts = {
  silent: { code: 'worker_silent', message: 'The worker fell silent, and nobody took over.', retryable: true },
  stalled: {
    code: 'worker_stalled',
    message: 'The worker speaks, but got no further with this request, and nobody took over.',
    retryable: true,
  },
} as const satisfies Record<string, AskFailure>;

export const failures = {
  noWorker: { code: 'no_worker', message: 'No worker was found that could answer.', retryable: false },
  tooLate: { code: 'deadline_exceeded', message: 'The deadline of the request passed.', retryable: false },
  closed: { code: 'client_closed', message: 'The client was closed.', retryable: false },
  lost: { code: 'worker_lost', message: 'The connection to the worker was lost.', retryable: true },
  contradiction: { code: 'bad_answer', message: 'The worker contradicted itself.', retryable: true },
  tooLong: {
    code: 'worker_lost',
    message: 'The worker is gone, and its answer was too long already for another one to go on with it.',
    retryable: false,
  },
  tooSlow: { code: 'local_failed', message: 'The model on this disk was not ready in time.', retryable: false },
} as const satisfies Record<string, AskFailure>;

/** Why a worker was left that did nothing wrong. */
export const moved = {
  code: 'moved',
  message: 'The request waited in line there, and another worker had a free slot.',
  retryable: true,
} as const satisfies AskFailure;

const isMove = ({ failure }: Try): boolean => failure?.code === moved.code;
const movesIn = (tries: readonly Try[]): number => tries.filter(isMove).length;
const triesIn = (tries: readonly Try[]): number => tries.length - movesIn(tries);

export const isTryLeft = (tries: readonly Try[]): boolean => triesIn(tries) < maxTries;
export const isMoveLeft = (tries: readonly Try[]): boolean => movesIn(tries) < maxMoves;

/**
 * Refusals that concern this client at that worker, not the request: pointless to repeat there, but another worker may
 * accept.
 */
const elsewhere: readonly string[] = ['rate_limited', 'banned', 'work_required', 'insufficient_credit'];

export const maySucceedElsewhere = ({ code, retryable }: AskFailure): boolean => retryable || elsewhere.includes(code);

/** Whether to compute the proof of work that the worker requires. */
export const mayProve = ({ work }: AskFailure, proofs: number): boolean => work !== undefined && proofs < maxProofs;

export const withoutWork = ({ work: _work, ...failure }: AskFailure): AskFailure => failure;

/** If a connection was closed because of a doubt, the doubt is the reason, not the lost connection. */
export const reasonOf = (failure: AskFailure, doubt: AskFailure | undefined): AskFailure =>
  failure.code === failures.lost.code && doubt !== undefined ? doubt : failure;

export const withLastFailed = (tries: readonly Try[], failure: AskFailure): readonly Try[] =>
  tries.map((attempt, i) => (i === tries.length - 1 ? { ...attempt, failure } : attempt));

/**
 * Full jitter. The first fail-over is immediate: the worker failed, not the mesh.
 * @param chance uniform in [0, 1)
 */
export function backoffMs(tries: readonly Try[], chance: number): number {
  const count = triesIn(tries);
  return count <= 1 ? 0 : chance * 50 * 2 ** count;
}

/** How long a doubted worker may take to recover if there is no other. */
export const doubtMs = (doubt: AskFailure | undefined, patienceMs: number, hasFallback: boolean): number =>
  doubt?.code === doubts.stalled.code && !hasFallback ? Math.max(patienceMs, repairMs) : patienceMs;
