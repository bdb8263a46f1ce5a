/** What the scheduler knows, what it hears, and what is asked of what it knows. Pure: the chart is in scheduler.machine.ts. */
import type { PromptMessage } from '../protocol/messages.js';
import type { Refusal } from '../rules/admission.js';
import { noInflow, type History, type Inflow } from '../rules/estimate.js';
import { countOf, emptyQueue, find, firstOf, lengthOf, waitingIn, type Queue, type Waiting } from '../rules/queue.js';
import type { Slots } from '../rules/slots.js';
import type { Tier } from '../rules/tiers.js';
import type { Demand } from './residency.machine.js';
import type { RunFailure, RunUsage } from './run.js';
import { modelsOnTrial } from './scheduler-blame.js';

/** An admitted request. `key` is its account and id: what a client may ask for once at a time. */
export interface RequestRecord extends Waiting {
  readonly id: string;
  readonly account: string;
  /** The peer that waits for it: the newest connection that asked. */
  readonly peer: string;
  readonly prompt: PromptMessage;
  readonly modelName: string;
  /** When it left the queue first; undefined before. */
  readonly startedAtMs: number | undefined;
  /** Runs that have ended without ending it. */
  readonly runs: number;
  /** Those of them that were lost with their engine. */
  readonly losses: number;
  /** Set once its client no longer wants it, or is gone. */
  readonly cancelled: boolean;
}

/** A request in a slot. */
export interface Running {
  readonly record: RequestRecord;
  readonly slot: string;
  /** The actor that sees to it. Ids are recycled, since XState remembers every id for ever. */
  readonly child: string;
  /** When this run was ordered. */
  readonly sinceMs: number;
  /** What it was expected to take, when it was ordered. */
  readonly holdMs: number;
  readonly firstTokenAtMs: number | undefined;
  /** Its engine died, and another request is to blame. */
  readonly isPardoned: boolean;
}

export interface OfferedModel {
  readonly name: string;
  readonly sha256: string;
  readonly capabilities: readonly string[];
}

/** Somebody who asks, as the gate is told. */
export interface Asking {
  readonly account: string;
  /** Of its connection; undefined where the transport does not know. */
  readonly address: string | undefined;
  readonly isOwner: boolean;
  readonly tier: Tier;
  readonly prompt: PromptMessage;
  /** Its unfinished requests here. */
  readonly unfinished: number;
  readonly avgResponseMs: number | undefined;
}

export interface SchedulerInput {
  readonly queueCapacity: number;
  /** How long running requests may go on after a shutdown was asked for. */
  readonly drainMs: number;
  /** The account whose requests go first and know no cap: this worker's own. */
  readonly owner: string;
  /** Whether what one account asked may be reused for another. */
  readonly sharesPrefix: boolean;
  /** Never steps. */
  readonly monotonicMs: () => number;
  /** Counts on where an earlier incarnation ended: what that one left in slots must not be taken for ours. */
  readonly nextArrival: () => number;
  /** The tier of whoever asks for this. */
  readonly standing: (account: string, prompt: PromptMessage) => Tier;
  /** Whether the order of a prompt may be taken. */
  readonly orderRefusal: (account: string, prompt: PromptMessage) => Refusal | undefined;
  /** Whether `prompt` is another one than that which was asked under the same id: `before` is the hash in that one's order. */
  readonly contradicts: (account: string, before: string | undefined, prompt: PromptMessage) => boolean;
  /** Whether every result that was given has left. */
  readonly nothingUnsent: () => boolean;
  /** Why this client may not ask now; undefined where it may, and that is counted. */
  readonly gate: (asking: Asking) => Refusal | undefined;
  /** The share of slots and queue that may be filled, in percent. */
  readonly healthCapacity: () => number;
  /** Until a model is loaded that is not; 0 where it is. */
  readonly loadLeftMs: (model: string) => number;
  /** The models that can be asked for just now, loaded or not. */
  readonly models: () => readonly OfferedModel[];
  /** Whether a result is kept for this key that goes on after `resumeText`. */
  readonly hasResult: (key: string, resumeText: string) => boolean;
  /** Whether `peer` connected after `other`, or `other` is gone. */
  readonly isNewer: (peer: string, other: string) => boolean;
  /** Whether `resumeText` is what the unfinished request of this key has said so far, or the beginning of it. */
  readonly canMove: (key: string, resumeText: string) => boolean;
}

export interface SchedulerContext extends SchedulerInput {
  readonly queue: Queue<RequestRecord>;
  /** By key. At most one a slot. */
  readonly running: ReadonlyMap<string, Running>;
  readonly slots: Slots;
  /** SHA-256 of models in which nothing new is started: their memory is needed. */
  readonly held: readonly string[];
  /** Keys of requests that killed their engines. */
  readonly guilty: readonly string[];
  /** By model: how long its runs took lately. */
  readonly histories: ReadonlyMap<string, History>;
  readonly inflow: Inflow;
  readonly avgResponseMs: number | undefined;
  readonly tokensPerSecond: number | undefined;
  /** Why nobody but the owner is served just now; undefined where everybody is. */
  readonly offDuty: string | undefined;
  readonly draining: boolean;
}

export const initialContext = (input: SchedulerInput): SchedulerContext => ({
  ...input,
  queue: emptyQueue(input.queueCapacity),
  running: new Map(),
  slots: new Map(),
  held: [],
  guilty: [],
  histories: new Map(),
  inflow: noInflow,
  avgResponseMs: undefined,
  tokensPerSecond: undefined,
  offDuty: undefined,
  draining: false,
});

export function newRecord(
  context: SchedulerContext,
  asked: Pick<Asking, 'account' | 'prompt' | 'tier' | 'isOwner'> & {
    readonly peer: string;
    readonly model: { readonly name: string; readonly sha256: string };
    readonly waitedMs: number;
  },
): RequestRecord {
  const { peer, account, prompt, tier, isOwner, model, waitedMs } = asked;
  const arrivedAtMs = context.monotonicMs() - waitedMs;
  const { id, deadlineMs } = prompt;
  return {
    key: keyOf(account, id),
    id,
    account,
    peer,
    prompt,
    tier,
    isOwner,
    model: model.sha256,
    modelName: model.name,
    arrival: context.nextArrival(),
    arrivedAtMs,
    startedAtMs: undefined,
    expiresAtMs: deadlineMs === undefined ? undefined : arrivedAtMs + deadlineMs,
    runs: 0,
    losses: 0,
    cancelled: false,
  };
}

export type SchedulerEvent =
  | {
      type: 'prompt.received';
      peer: string;
      account: string;
      address: string | undefined;
      prompt: PromptMessage;
      /** How long ago it came, where it had to wait for acks first. */
      waitedMs?: number;
    }
  | { type: 'prompt.cancelled'; peer: string; account: string; id: string }
  | { type: 'peer.lost'; peer: string }
  | { type: 'slot.idle'; slot: string; model: string; isReserve: boolean }
  | { type: 'slot.gone'; slot: string }
  /** In these models nothing new is started, and in all others it is. */
  | { type: 'models.held'; models: readonly string[] }
  /** No engine will serve this model any more. */
  | { type: 'model.gone'; model: string }
  | { type: 'run.started'; run: string; promptTokens: number }
  /** A slice of the prompt is done. */
  | { type: 'run.progress'; run: string; done: number; total: number; reused: number }
  | { type: 'run.firstToken'; run: string }
  | { type: 'run.ended'; run: string; usage: RunUsage }
  | { type: 'run.failed'; run: string; failure: RunFailure }
  | { type: 'run.lost'; run: string }
  /** Its process died with what ran in it, which is reported lost next. */
  | { type: 'engine.died'; model: string }
  /** Something may now be possible that was not before. */
  | { type: 'queue.changed' }
  /** Whether clients other than the owner are served; if not, why. */
  | { type: 'duty.changed'; open: boolean; reason: string }
  /** What still runs is not waited for. */
  | { type: 'drain.cut' }
  | { type: 'sys.shutdown' };

/** Names the present attempt at a request: no two attempts have the same, not even of two incarnations of the scheduler. */
export const runOf = ({ key, arrival, runs }: Pick<RequestRecord, 'key' | 'arrival' | 'runs'>): string =>
  `${key}#${arrival}.${runs}`;

/** The request that `run` is the present attempt at. No key has a '#' in it. */
export function runningOf({ running }: Pick<SchedulerContext, 'running'>, run: string): Running | undefined {
  const found = running.get(run.slice(0, Math.max(0, run.lastIndexOf('#'))));
  return found !== undefined && runOf(found.record) === run ? found : undefined;
}

export const resumeTextOf = (prompt: PromptMessage): string => prompt.resume?.text ?? '';
export const streamsOf = (prompt: PromptMessage): boolean => prompt.stream ?? true;

const prefixOf = (account: string): string => `${account}/`;
export const keyOf = (account: string, id: string): string => prefixOf(account) + id;

export const recordOf = ({ queue, running }: SchedulerContext, key: string): RequestRecord | undefined =>
  running.get(key)?.record ?? find(queue, key);

export const unfinishedOf = ({ queue, running }: SchedulerContext, account: string): number =>
  countOf(queue, prefixOf(account)) + [...running.values()].filter(({ record }) => record.account === account).length;

/** All that a connection waits for. */
export const recordsOfPeer = ({ queue, running }: SchedulerContext, peer: string): readonly RequestRecord[] =>
  [...waitingIn(queue), ...[...running.values()].map(({ record }) => record)].filter((record) => record.peer === peer);

export const nothingLeft = ({ queue, running, nothingUnsent }: SchedulerContext): boolean =>
  lengthOf(queue) === 0 && running.size === 0 && nothingUnsent();

export const update = <Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, value: Value): ReadonlyMap<Key, Value> =>
  new Map(map).set(key, value);

export function without<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

/** The slots of models in which something may be started now. */
export function openSlots({ slots, held, running }: Pick<SchedulerContext, 'slots' | 'held' | 'running'>): Slots {
  const closed = [...held, ...modelsOnTrial(running)];
  return closed.length === 0 ? slots : new Map([...slots].filter(([, { model }]) => !closed.includes(model)));
}

/** For each of these models, since when its first request waits and how many run in it. */
export const demandFor = (
  { queue, running }: Pick<SchedulerContext, 'queue' | 'running'>,
  models: readonly { readonly sha256: string }[],
): readonly Demand[] =>
  models.map(({ sha256 }) => ({
    model: sha256,
    waitingSinceMs: firstOf(queue, sha256)?.arrivedAtMs,
    running: [...running.values()].filter(({ record }) => record.model === sha256).length,
  }));

/** Without `slot`, unless it was given to another request in the meantime. */
export const withoutSlotOf = (slots: Slots, slot: string, key: string): Slots =>
  slots.get(slot)?.key === key ? without(slots, slot) : slots;

/** The smallest id that no running request has. */
export function freeChildId(running: SchedulerContext['running']): string {
  const used = new Set([...running.values()].map(({ child }) => child));
  for (let n = 0; ; n++) if (!used.has(`request.${n}`)) return `request.${n}`;
}
