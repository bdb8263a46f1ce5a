/**
 * A snapshot of what a worker shows its owner, shared by its page, metrics and probes. It contains no prompts or
 * answers, and no address or key but the worker's own.
 */
import type { AnyActorRef } from 'xstate';
import type { EngineContext } from '../../machines/engine.machine.js';
import type { ModelContext } from '../../machines/model.machine.js';
import type { SlotContext } from '../../machines/slot.machine.js';
import type { TopicContext } from '../../machines/topic.machine.js';
import type { StatusMessage } from '../../protocol/messages.js';
import { networks, type NetworkName } from '../../protocol/topics.js';
import type { DutyState } from '../../rules/duty.js';
import type { WaitingByTier } from '../../rules/queue.js';
import { tierOf, type Tier } from '../../rules/tiers.js';
import type { AnyActorSystem } from '../../runtime/actor-system.js';
import { stateOf } from '../../runtime/inspection.js';
import { deadLetters } from '../../runtime/tell.js';
import { names } from '../names.js';
import type { EndedAs } from './tally.js';
import type { WorkerDeps } from './worker-ports.js';

export interface SlotFacts {
  readonly name: string;
  /** Index of its engine. */
  readonly engine: number;
  readonly isReserve: boolean;
  readonly state: string;
  /** Id of the request that runs in it. */
  readonly request: string | null;
}

export interface EngineFacts {
  readonly name: string;
  readonly state: string;
  readonly model: string | null;
  readonly contextSize: number | null;
  readonly threads: number | null;
  readonly device: string | null;
  /** Why its last process ended. */
  readonly reason: string | null;
}

export interface ModelFacts {
  readonly wanted: string;
  readonly state: string;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly reason: string | null;
}

export interface WorkerView extends Pick<
  StatusMessage,
  'workerId' | 'agent' | 'uptimeMs' | 'health' | 'queue' | 'performance' | 'at'
> {
  readonly state: DutyState | 'draining';
  /** Unix time of the next automatic change of state. */
  readonly untilMs: number | null;
  /** Why it currently serves only its owner; null if it serves everyone. */
  readonly notReady: string | null;
  readonly waiting: WaitingByTier;
  readonly usage: StatusMessage['slots'];
  readonly slots: readonly SlotFacts[];
  readonly engines: readonly EngineFacts[];
  readonly models: readonly ModelFacts[];
  /** Connections by network. */
  readonly peers: Readonly<Record<NetworkName, number>>;
  /** Null without a ledger. */
  readonly points: { readonly balanceMillipoints: number; readonly tier: Tier } | null;
  readonly done: {
    readonly ended: Readonly<Partial<Record<EndedAs, number>>>;
    readonly refused: Readonly<Partial<Record<string, number>>>;
    readonly promptTokens: number;
    readonly tokens: number;
    readonly droppedFrames: number;
    readonly engineLosses: number;
    readonly actorRestarts: number;
    readonly deadLetters: number;
  };
}

export function viewOf(deps: WorkerDeps, system: AnyActorSystem): WorkerView {
  const { board, tally, restarts, ledger } = deps;
  const { workerId, agent, uptimeMs, at, queue, performance, slots: usage } = board.message();
  const balanceMillipoints = ledger?.balanceOf(workerId);
  return {
    workerId,
    agent,
    uptimeMs,
    at,
    queue,
    performance,
    usage,
    health: board.health,
    state: board.draining ? 'draining' : board.duty.state,
    untilMs: board.draining ? null : (board.duty.untilMs ?? null),
    notReady: whyNotReady(deps, system),
    waiting: board.waiting(),
    slots: named<SlotContext>(system, /^slot\.(\d+)\.(\d+)$/).map(slotFacts(deps)),
    engines: named<EngineContext>(system, /^engine\.\d+$/).map(engineFacts),
    models: named<ModelContext>(system, /^model\.\d+$/).map(modelFacts),
    peers: { ...connections(system), inference: deps.outboxes.size },
    points: balanceMillipoints === undefined ? null : { balanceMillipoints, tier: tierOf(balanceMillipoints) },
    done: {
      ended: Object.fromEntries(tally.ended),
      refused: Object.fromEntries(tally.refused),
      promptTokens: tally.promptTokens,
      tokens: tally.tokens,
      droppedFrames: tally.droppedFrames,
      engineLosses: tally.engineLosses,
      actorRestarts: restarts.count,
      deadLetters: deadLetters(system).count,
    },
  };
}

/** Why a request from anyone but the owner would be refused, whatever it asks. */
export function whyNotReady({ board }: WorkerDeps, system: AnyActorSystem): string | null {
  if (board.draining) return 'it is being stopped';
  if (board.duty.state === 'paused') return 'its owner has paused it';
  if (board.duty.state === 'off_schedule') return 'it is outside of its schedule';
  if (!stateOfNamed(system, names.dht).startsWith('up.online')) return 'it is not in its mesh';
  return board.models.length === 0 ? 'no model is loaded' : null;
}

interface Named<Context> {
  readonly match: RegExpExecArray;
  readonly state: string;
  readonly context: Context;
}

function named<Context>(system: AnyActorSystem, pattern: RegExp): Named<Context>[] {
  return Object.entries(system.getAll() as Readonly<Record<string, AnyActorRef | undefined>>)
    .flatMap(([name, ref]): Named<Context>[] => {
      const match = pattern.exec(name);
      if (match === null || ref === undefined) return [];
      const { context } = ref.getSnapshot() as { readonly context: Context };
      return [{ match, state: stateOf(ref), context }];
    })
    .sort(({ match: [a] }, { match: [b] }) => a.localeCompare(b, 'en', { numeric: true }));
}

function stateOfNamed(system: AnyActorSystem, name: string): string {
  const ref = system.get(name) as AnyActorRef | undefined;
  return ref === undefined ? '' : stateOf(ref);
}

const slotFacts =
  ({ slots }: WorkerDeps) =>
  ({ match: [name, engine, slot], state, context }: Named<SlotContext>): SlotFacts => ({
    name,
    engine: Number(engine),
    isReserve: Number(slot) >= slots,
    state,
    request: state.startsWith('busy') ? requestOfRun(context.run) : null,
  });

/** The request id in a run's name, which consists of account, id and attempt (machines/scheduler.ts). */
export const requestOfRun = (run: string | undefined): string | null =>
  run === undefined ? null : run.slice(run.indexOf('/') + 1, run.lastIndexOf('#'));

const engineFacts = ({ match: [name], state, context }: Named<EngineContext>): EngineFacts => ({
  name,
  state,
  model: context.model?.name ?? null,
  contextSize: context.loaded?.contextSize ?? null,
  threads: context.loaded?.threads ?? null,
  device: context.loaded?.device ?? null,
  reason: context.reason ?? null,
});

const modelFacts = ({ state, context }: Named<ModelContext>): ModelFacts => ({
  wanted: context.wanted,
  state,
  bytes: context.model?.bytes ?? null,
  sha256: context.model?.sha256 ?? null,
  reason: context.reason ?? null,
});

function connections(system: AnyActorSystem): Record<NetworkName, number> {
  const of = (network: NetworkName): number => {
    const ref = system.get(names.topic(network)) as AnyActorRef | undefined;
    return (ref?.getSnapshot() as { readonly context: TopicContext } | undefined)?.context.connections ?? 0;
  };
  return Object.fromEntries(networks.map((network) => [network, of(network)])) as Record<NetworkName, number>;
}
