/** The scheduler's state, its events, and queries on the state. Pure; the chart is in scheduler.machine.ts. */
import type { PromptMessage } from '../protocol/messages.js';
import type { Refusal } from '../rules/admission.js';
import { noInflow, type History, type Inflow } from '../rules/estimate.js';
import { countOf, emptyQueue, find, firstOf, lengthOf, waitingIn, type Queue, type Waiting } from '../rules/queue.js';
import type { Slots } from '../rules/slots.js';
import type { Tier } from '../rules/tiers.js';
import type { Demand } from './residency.machine.js';
import type { RunFailure, RunUsage } from './run.js';
import { modelsOnTrial } from './scheduler-blame.js';

/** An admitted request. `key` is account and id; a client may have only one unfinished request per id. */
export interface RequestRecord extends Waiting {
  readonly id: string;
  readonly account: string;
  /** The peer that waits for it: the newest connection that asked for it. */
  readonly peer: string;
  readonly prompt: PromptMessage;
  readonly modelName: string;
  /** When it first left the queue; undefined before that. */
  readonly startedAtMs: number | undefined;
  /** Runs that ended without ending the request. */
  readonly runs: number;
  /** Those of them that were lost with their engine. */
  readonly losses: number;
  /** Its client cancelled it, or is gone. */
  readonly cancelled: boolean;
}

/** A request in a slot. */
export interface Running {
  readonly record: RequestRecord;
  readonly slot: string;
  /** The id of its request actor. Ids are reused, since XState remembers every id forever. */
  readonly child: string;
  /** When this run was ordered. */
  readonly sinceMs: number;
  /** The expected duration, estimated when the run was ordered. */
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

/** What the gate is told about a request. */
export interface Asking {
  readonly account: string;
  /** Address of its connection; undefined if the transport does not know it. */
  readonly address: string | undefined;
  readonly isOwner: boolean;
  readonly tier: Tier;
  readonly prompt: PromptMessage;
  /** Unfinished requests of this account here. */
  readonly unfinished: number;
  readonly avgResponseMs: number | undefined;
}

export interface SchedulerInput {
  readonly queueCapacity: number;
  /** How long running requests may continue after a shutdown was requested. */
  readonly drainMs: number;
  /** This worker's own account: its requests go first and have no cap. */
  readonly owner: string;
  /** Whether what one account asked may be reused for another. */
  readonly sharesPrefix: boolean;
  /** Never steps. */
  readonly monotonicMs: () => number;
  /** Continues where an earlier incarnation stopped, so that runs it left in slots are not mistaken for new ones. */
  readonly nextArrival: () => number;
  /** The tier of an account for this prompt. */
  readonly standing: (account: string, prompt: PromptMessage) => Tier;
  /** Why the order of a prompt is refused; undefined if it is accepted. */
  readonly orderRefusal: (account: string, prompt: PromptMessage) => Refusal | undefined;
  /**
   * Whether `prompt` differs from the one asked earlier under the same id. `before` is the prompt hash in that one's
   * order.
   */
  readonly contradicts: (account: string, before: string | undefined, prompt: PromptMessage) => boolean;
  /** Whether every result has been sent. */
  readonly nothingUnsent: () => boolean;
  /** Why this client may not ask now; undefined if it may, and then the request is counted. */
  readonly gate: (asking: Asking) => Refusal | undefined;
  /** The share of slots and queue that may be filled, in percent. */
  readonly healthCapacity: () => number;
  /** Time until an unloaded model is loaded; 0 if it is loaded. */
  readonly loadLeftMs: (model: string) => number;
  /** The models that can be requested now, loaded or not. */
  readonly models: () => readonly OfferedModel[];
  /** Whether a kept result under this key continues `resumeText`. */
  readonly hasResult: (key: string, resumeText: string) => boolean;
  /** Whether `peer` connected after `other`, or `other` is gone. */
  readonly isNewer: (peer: string, other: string) => boolean;
  /** Whether `resumeText` is a prefix of what the unfinished request of this key has said so far, or all of it. */
  readonly canMove: (key: string, resumeText: string) => boolean;
}

export interface SchedulerContext extends SchedulerInput {
  readonly queue: Queue<RequestRecord>;
  /** By key. At most one per slot. */
  readonly running: ReadonlyMap<string, Running>;
  readonly slots: Slots;
  /** SHA-256 of models in which nothing new is started, because their memory is needed. */
  readonly held: readonly string[];
  /** Keys of requests that killed their engines. */
  readonly guilty: readonly string[];
  /** Recent run times by model. */
  readonly histories: ReadonlyMap<string, History>;
  readonly inflow: Inflow;
  readonly avgResponseMs: number | undefined;
  readonly tokensPerSecond: number | undefined;
  /** Why only the owner is served at the moment; undefined if everyone is. */
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
      /** How long ago it arrived, if it had to wait for acks first. */
      waitedMs?: number;
    }
  | { type: 'prompt.cancelled'; peer: string; account: string; id: string }
  | { type: 'peer.lost'; peer: string }
  | { type: 'slot.idle'; slot: string; model: string; isReserve: boolean }
  | { type: 'slot.gone'; slot: string }
  /** Nothing new is started in these models; in all others it is. */
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
  /** Its process died. The runs in it are reported lost next. */
  | { type: 'engine.died'; model: string }
  /** Something may be possible now that was not before. */
  | { type: 'queue.changed' }
  /** Whether clients other than the owner are served; if not, why. */
  | { type: 'duty.changed'; open: boolean; reason: string }
  /** Running requests are no longer waited for. */
  | { type: 'drain.cut' }
  | { type: 'sys.shutdown' };

/** Names the current attempt at a request. Unique, even across incarnations of the scheduler. */
export const runOf = ({ key, arrival, runs }: Pick<RequestRecord, 'key' | 'arrival' | 'runs'>): string =>
  `${key}#${arrival}.${runs}`;

/** The request whose current attempt is `run`. Keys never contain '#'. */
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

/** Every request that this connection waits for. */
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

/** For each of these models: since when its first request has been waiting, and how many are running. */
export const demandFor = (
  { queue, running }: Pick<SchedulerContext, 'queue' | 'running'>,
  models: readonly { readonly sha256: string }[],
): readonly Demand[] =>
  models.map(({ sha256 }) => ({
    model: sha256,
    waitingSinceMs: firstOf(queue, sha256)?.arrivedAtMs,
    running: [...running.values()].filter(({ record }) => record.model === sha256).length,
  }));

/** Removes `slot`, unless it was given to another request in the meantime. */
export const withoutSlotOf = (slots: Slots, slot: string, key: string): Slots =>
  slots.get(slot)?.key === key ? without(slots, slot) : slots;

/** The smallest id that no running request has. */
export function freeChildId(running: SchedulerContext['running']): string {
  const used = new Set([...running.values()].map(({ child }) => child));
  for (let n = 0; ; n++) if (!used.has(`request.${n}`)) return `request.${n}`;
}
