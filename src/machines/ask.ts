/** What a request knows of its tries, and the sums it does with it. Pure: the chart is in ask.machine.ts. */

/** Tries that may fail, and the one that succeeds. */
export const maxTries = 5;
/** Beside those, a request leaves so many lines for a free slot: beyond that it would only follow old statuses about. */
export const maxMoves = 4;
/** Proofs of work that one request shows at most: a worker that asks for ever more is left. */
export const maxProofs = 2;
/** A worker whose engine hangs, while it speaks itself, has repaired that in about this time. */
const repairMs = 60_000;

/** How a worker failed this request, or what else it was left for. */
export interface AskFailure {
  /** A wire code, or one of the client's own. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** When that worker would take it, as it says. */
  readonly retryAfterMs?: number;
  /** What a worker wants to be shown before it answers. */
  readonly work?: { readonly challenge: string; readonly bits: number };
}

export interface Proof {
  readonly challenge: string;
  readonly nonce: string;
}

export interface Try {
  readonly worker: string;
  /** What became of it; undefined for the one that answered. */
  readonly failure: AskFailure | undefined;
}

/** A worker that still has the request, and may yet go on with it. */
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

/** Refusals that concern this client at that worker, not the request: not to be repeated there, yet welcome elsewhere. */
const elsewhere: readonly string[] = ['rate_limited', 'banned', 'work_required', 'insufficient_credit'];

export const maySucceedElsewhere = ({ code, retryable }: AskFailure): boolean => retryable || elsewhere.includes(code);

/** Whether it is worth working on what the worker wants to be shown. */
export const mayProve = ({ work }: AskFailure, proofs: number): boolean => work !== undefined && proofs < maxProofs;

export const withoutWork = ({ work: _work, ...failure }: AskFailure): AskFailure => failure;

/** A connection that was given up for what was held against its worker already: that is the reason, not its end. */
export const reasonOf = (failure: AskFailure, doubt: AskFailure | undefined): AskFailure =>
  failure.code === failures.lost.code && doubt !== undefined ? doubt : failure;

export const withLastFailed = (tries: readonly Try[], failure: AskFailure): readonly Try[] =>
  tries.map((attempt, i) => (i === tries.length - 1 ? { ...attempt, failure } : attempt));

/**
 * Full jitter. The first fail-over is at once: it is the worker that failed, not the mesh.
 * @param chance uniform in [0, 1)
 */
export function backoffMs(tries: readonly Try[], chance: number): number {
  const count = triesIn(tries);
  return count <= 1 ? 0 : chance * 50 * 2 ** count;
}

/** How long a worker in doubt may take to go on, where there is nobody else to ask. */
export const doubtMs = (doubt: AskFailure | undefined, patienceMs: number, hasFallback: boolean): number =>
  doubt?.code === doubts.stalled.code && !hasFallback ? Math.max(patienceMs, repairMs) : patienceMs;
