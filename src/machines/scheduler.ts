/** What the scheduler knows, and the sums it does with it. Pure: the chart is in scheduler.machine.ts. */
import type { ErrorCode } from '../protocol/errors.js';
import type { PromptMessage } from '../protocol/messages.js';
import { emptyQueue, type Queue, type Waiting } from '../rules/queue.js';
import type { RequestOutcome } from './request.machine.js';
import type { RunFailure, RunUsage } from './run.js';

/** An admitted request. `key` is its account and id: what a client may ask for once at a time. */
export interface RequestRecord extends Waiting {
  readonly id: string;
  readonly account: string;
  /** The peer that waits for it: the newest connection that asked. */
  readonly peer: string;
  readonly prompt: PromptMessage;
  readonly modelName: string;
  readonly admittedAtMs: number;
  /** When it left the queue for good; undefined before. */
  readonly startedAtMs: number | undefined;
  /** No two requests of a worker have the same, not even of one id, not even of two incarnations of the scheduler. */
  readonly serial: number;
  /** Runs that have ended without ending it. */
  readonly runs: number;
  /** Those of them that were lost with their engine. */
  readonly losses: number;
  /** Set once its client no longer wants it, or is gone. */
  readonly cancelled: boolean;
  /** What it was last told: not said twice. */
  readonly toldPosition: number;
}

/** A slot as its last report has it. */
export interface SlotView {
  readonly model: string;
  /** Key of the request in it; undefined is idle. */
  readonly key: string | undefined;
  /** Whose prefix its sequence holds. */
  readonly lastAccount: string | undefined;
}

export interface OfferedModel {
  readonly name: string;
  readonly sha256: string;
  readonly capabilities: readonly string[];
}

export interface SchedulerInput {
  readonly queueCapacity: number;
  /** How long running requests may go on after a shutdown was asked for. */
  readonly drainMs: number;
  /** The account whose requests know no cap: this worker's own. */
  readonly owner: string;
  /** Never steps. */
  readonly monotonicMs: () => number;
  /** Counts on where an earlier incarnation ended: what that one left in slots must not be taken for ours. */
  readonly nextSerial: () => number;
  /** The models that are loaded just now. */
  readonly models: () => readonly OfferedModel[];
  /** Whether a result is kept for this key that goes on after `resumeText`. */
  readonly hasResult: (key: string, resumeText: string) => boolean;
  /** Whether `resumeText` is what the unfinished request of this key has said so far, or the beginning of it. */
  readonly canMove: (key: string, resumeText: string) => boolean;
}

export interface SchedulerContext extends SchedulerInput {
  readonly queue: Queue<RequestRecord>;
  /** All unfinished requests, waiting or running, by key. */
  readonly records: ReadonlyMap<string, RequestRecord>;
  readonly slots: ReadonlyMap<string, SlotView>;
  /** By run: the child actors of the running ones. Ids are recycled, since XState remembers every id for ever. */
  readonly running: ReadonlyMap<string, string>;
  readonly avgResponseMs: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly draining: boolean;
}

export const initialContext = (input: SchedulerInput): SchedulerContext => ({
  ...input,
  queue: emptyQueue(input.queueCapacity),
  records: new Map(),
  slots: new Map(),
  running: new Map(),
  avgResponseMs: undefined,
  tokensPerSecond: undefined,
  draining: false,
});

/** What those get whom a worker that stops gives back. */
export const shuttingDown: RequestEnd = {
  kind: 'error',
  code: 'shutting_down',
  message: 'This worker is being stopped; ask another one.',
};

/** What those get who wait for a model that will not come back. */
export const modelGone: RequestEnd = {
  kind: 'error',
  code: 'slot_failed',
  message: 'The engine of this model failed, and was given up.',
};

/** Why an unfinished request cannot go on for whoever asked again; undefined where it can. */
export function repeatProblem(
  context: SchedulerContext,
  record: RequestRecord,
  asked: { readonly peer: string; readonly resumeText: string },
): string | undefined {
  if (record.peer === asked.peer) return 'id: a request with this id is not finished yet';
  if (context.canMove(record.key, asked.resumeText)) return undefined;
  return 'resume.text: this is not what the unfinished request with this id has said';
}

/** A position that no request ever holds. */
export const nothingTold = -1;

export function newRecord(
  context: SchedulerContext,
  asked: { peer: string; account: string; prompt: PromptMessage; model: { name: string; sha256: string } },
): RequestRecord {
  const now = context.monotonicMs();
  const { deadlineMs } = asked.prompt;
  return {
    key: keyOf(asked.account, asked.prompt.id),
    id: asked.prompt.id,
    account: asked.account,
    peer: asked.peer,
    prompt: asked.prompt,
    model: asked.model.sha256,
    modelName: asked.model.name,
    admittedAtMs: now,
    startedAtMs: undefined,
    expiresAtMs: deadlineMs === undefined ? undefined : now + deadlineMs,
    serial: context.nextSerial(),
    runs: 0,
    losses: 0,
    cancelled: false,
    toldPosition: nothingTold,
  };
}

export type RequestEnd =
  | { readonly kind: 'result'; readonly usage: RunUsage }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string };

/** An end, with the times that a result states. */
export function finished(record: RequestRecord, end: RequestEnd, nowMs: number) {
  return {
    record,
    end,
    queuedMs: (record.startedAtMs ?? nowMs) - record.admittedAtMs,
    totalMs: nowMs - record.admittedAtMs,
  };
}

/** Why a prompt did not become a request. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
}

export type SchedulerEvent =
  | { type: 'prompt.received'; peer: string; account: string; prompt: PromptMessage }
  | { type: 'prompt.cancelled'; account: string; id: string }
  | { type: 'peer.lost'; peer: string }
  | { type: 'slot.idle'; slot: string; model: string }
  | { type: 'slot.gone'; slot: string }
  /** No engine will serve this model any more. */
  | { type: 'model.gone'; model: string }
  | { type: 'run.started'; run: string; promptTokens: number }
  | { type: 'run.firstToken'; run: string }
  | { type: 'run.ended'; run: string; usage: RunUsage }
  | { type: 'run.failed'; run: string; failure: RunFailure }
  | { type: 'run.lost'; run: string }
  /** Something may now be possible that was not before. */
  | { type: 'queue.changed' }
  | { type: 'sys.shutdown' };

/** Names the present attempt at a request. */
export const runOf = ({ key, serial, runs }: Pick<RequestRecord, 'key' | 'serial' | 'runs'>): string =>
  `${key}#${serial}.${runs}`;

export const resumeTextOf = (prompt: PromptMessage): string => prompt.resume?.text ?? '';

export const keyOf = (account: string, id: string): string => `${account}/${id}`;

export const update = <Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, value: Value): ReadonlyMap<Key, Value> =>
  new Map(map).set(key, value);

export function without<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

/** Weight of the newest response in the running means. */
const newestWeight = 0.2;

const mean = (old: number | undefined, value: number): number =>
  old === undefined ? value : old + newestWeight * (value - old);

/** The running means after one more end. Errors and what never ran say nothing about the pace of this worker. */
export function noteEnd(
  context: SchedulerContext,
  record: RequestRecord,
  end: RequestEnd,
  nowMs: number,
): Pick<SchedulerContext, 'avgResponseMs' | 'tokensPerSecond'> {
  const { avgResponseMs, tokensPerSecond } = context;
  if (end.kind === 'error' || record.startedAtMs === undefined) return { avgResponseMs, tokensPerSecond };
  const runMs = nowMs - record.startedAtMs;
  const tokens = end.usage.completionTokens;
  return {
    avgResponseMs: mean(avgResponseMs, nowMs - record.admittedAtMs),
    tokensPerSecond: tokens === 0 || runMs <= 0 ? tokensPerSecond : mean(tokensPerSecond, (1000 * tokens) / runMs),
  };
}

/** What the one at `position` may expect: the slots take the line in turn, each for a mean response. */
export function estimatedWaitMs(context: SchedulerContext, position: number): number {
  if (position === 0) return 0;
  const slots = Math.max(1, context.slots.size);
  return Math.round((context.avgResponseMs ?? 0) * Math.ceil(position / slots));
}

/** The idle slots for `model`: first those whose sequence still holds something of `account`, then those that hold nothing. */
export function idleSlots(slots: SchedulerContext['slots'], model: string, account: string): readonly string[] {
  const idle = [...slots].filter(([, slot]) => slot.key === undefined && slot.model === model);
  const rank = ({ lastAccount }: SlotView): number => (lastAccount === account ? 0 : lastAccount === undefined ? 1 : 2);
  return idle.sort(([, a], [, b]) => rank(a) - rank(b)).map(([name]) => name);
}

/** The name of the slot that `key` runs in; '' where it runs in none. */
export const slotOf = (slots: SchedulerContext['slots'], key: string): string =>
  [...slots].find(([, slot]) => slot.key === key)?.[0] ?? '';

/** Without `slot`, unless it was given to another request in the meantime. */
export const withoutSlotOf = (
  slots: SchedulerContext['slots'],
  slot: string,
  key: string,
): SchedulerContext['slots'] => (slots.get(slot)?.key === key ? without(slots, slot) : slots);

/** The smallest id that no running request has. */
export function freeChildId(running: SchedulerContext['running']): string {
  const used = new Set(running.values());
  for (let n = 0; ; n++) if (!used.has(`request.${n}`)) return `request.${n}`;
}

/** The same line with one waiting request's record replaced; one that does not wait changes nothing. */
export const replaceWaiting = (queue: Queue<RequestRecord>, record: RequestRecord): Queue<RequestRecord> =>
  queue.items.has(record.key) ? { ...queue, items: new Map(queue.items).set(record.key, record) } : queue;

export const unfinishedOf = (context: SchedulerContext, account: string): number =>
  [...context.records.values()].filter((record) => record.account === account).length;

/**
 * How a request ends; or `again`, where its slot was lost for the first time, or where its run was stopped for a client that
 * is back by now.
 */
export function settle(record: RequestRecord, outcome: RequestOutcome, promptTokens: number): RequestEnd | 'again' {
  switch (outcome.kind) {
    case 'completed':
      if (outcome.usage.finishReason === 'cancelled' && !record.cancelled) return 'again';
      return { kind: 'result', usage: outcome.usage };
    case 'failed':
      return { kind: 'error', ...outcome.failure };
    case 'expired':
      return {
        kind: 'error',
        code: 'deadline_exceeded',
        message: 'The deadline of the request passed while it was answered.',
      };
    case 'lost':
      if (record.cancelled) return cancelledBeforeItsEnd(promptTokens);
      if (record.losses === 0) return 'again';
      return { kind: 'error', code: 'slot_failed', message: 'The engine died twice under this request.' };
  }
}

/** The end of a request that was cancelled where no run could say so. The tokens it sent are counted where they were sent. */
export const cancelledBeforeItsEnd = (promptTokens: number): RequestEnd => ({
  kind: 'result',
  usage: { finishReason: 'cancelled', promptTokens, completionTokens: 0 },
});
