/**
 * The messages of the control socket: one line of JSON each way, then the worker closes. Not part of the mesh's
 * protocol: both ends are on one machine and belong to one user.
 */
import { z } from 'zod';
import type { StatusMessage } from '../../protocol/messages.js';
import type { WaitingByTier } from '../../rules/queue.js';
import type { ListenerEvents } from '../listener.actor.js';
import type { Fetching } from '../worker/status-board.js';
import type { DutyState } from '../../rules/duty.js';
import { logQuery, pageKinds, type LogPage } from '../scores/score-pages.js';
import type { ScorePage, ScoreReport } from '../scores/score-report.js';

export const maxLineBytes = 64 * 1024;
/** A year. Anything longer is an indefinite pause. */
export const maxPauseMs = 366 * 24 * 3_600_000;

export const controlRequest = z.discriminatedUnion('do', [
  z.object({ do: z.literal('status') }),
  z.object({ do: z.literal('pause'), forMs: z.int().min(1).max(maxPauseMs).exactOptional() }),
  z.object({ do: z.literal('resume') }),
  /** `now`: without waiting for running requests. */
  z.object({ do: z.literal('stop'), now: z.boolean().exactOptional() }),
  z.object({ do: z.literal('score') }),
  z.object({ do: z.literal('score.log'), query: logQuery }),
  z.object({
    do: z.literal('score.page'),
    of: z.enum([...pageKinds, 'accounts']),
    after: z.string().max(256).exactOptional(),
  }),
]);

export type ControlRequest = z.infer<typeof controlRequest>;

/** Answers every request with the state after it. */
export interface WorkerReport extends Pick<
  StatusMessage,
  'workerId' | 'models' | 'health' | 'queue' | 'slots' | 'performance' | 'uptimeMs' | 'agent'
> {
  readonly pid: number;
  /** SHA-256 of the models in memory; the others are loaded on demand. */
  readonly loaded: readonly string[];
  /** Models being fetched. */
  readonly fetching: readonly Fetching[];
  readonly state: DutyState | 'draining';
  /** Unix time at which the state changes by itself; null if it does not. */
  readonly untilMs: number | null;
  readonly schedule: string | null;
  /** How many requests of the queue are waiting, by tier; `owner` counts the owner's own. */
  readonly waiting: WaitingByTier;
  /** Millipoints of this node, certified; null if its ledger is unavailable and everyone is a guest. */
  readonly balance: number | null;
  /** Client connections. */
  readonly peers: number;
  /** Address of its admin page; null if it has none. */
  readonly admin: string | null;
}

interface ControlError {
  readonly error: { readonly code: string; readonly message: string };
}

export type ControlAnswer = { readonly report: WorkerReport } | ControlError;

/** Answers `score`, `score.log` and `score.page`. */
export type ScoreAnswer =
  { readonly score: ScoreReport } | { readonly log: LogPage } | { readonly page: ScorePage } | ControlError;

export type Reply = (answer: ControlAnswer | ScoreAnswer) => void;

/** How a worker receives commands from its owner; see ports.ts. */
export interface ControlPort {
  /** Each request is answered at once, or as soon as the disk has been read. */
  listen(answer: (request: ControlRequest, reply: Reply) => void, on: ListenerEvents): { close(): void };
}
