/** What a supervisor does: the guards and actions of the chart in supervisor.ts. */
import { fromCallback, setup, type AnyActorLogic, type AnyActorRef, type AnyEventObject } from 'xstate';
import { statusOf, stopTree } from './actor-system.js';
import { messageOf } from './errors.js';
import {
  affectedBy,
  backoffMs,
  defaultBackoff,
  defaultIntensity,
  defaultMaxChildren,
  EscalationError,
  isRestarted,
  recentRestarts,
  type ActorSpec,
  type SupervisionReport,
  type SupervisorCommand,
  type SupervisorPorts,
  type SupervisorSpec,
} from './supervision.js';

export interface Child {
  readonly spec: ActorSpec;
  /** Added by `sup.start`; leaves the table once it is over for good. */
  readonly isDynamic: boolean;
  /**
   * waiting: will be started. retiring: asked to end, then leaves the table. down: has ended; returns only if its group
   * restarts.
   */
  readonly phase: 'waiting' | 'up' | 'retiring' | 'down';
  /** The actor, while up or retiring. */
  readonly ref: AnyActorRef | undefined;
  readonly upSinceMs: number;
  /** Restarts in a row with no stable period between them. */
  readonly attempts: number;
}

export interface Context {
  readonly spec: SupervisorSpec;
  readonly ports: SupervisorPorts;
  /** In start order. */
  readonly children: readonly Child[];
  readonly restartsMs: readonly number[];
}

type ExitEvent =
  | { readonly type: 'xstate.error.actor.*'; readonly actorId: string; readonly error: unknown }
  | { readonly type: 'xstate.done.actor.*'; readonly actorId: string };

type Event =
  | SupervisorCommand
  | ExitEvent
  | { readonly type: 'sup.restart'; readonly id?: string }
  | { readonly type: 'sup.kill'; readonly id: string };

export const base = setup({
  types: { context: {} as Context, events: {} as Event },
  guards: {
    isStale: ({ context, event }) => exitedChild(context, event) === undefined,
    isRetiring: ({ context, event }) => exitedChild(context, event)?.phase === 'retiring',
    comesBack: ({ context, event }) => comesBack(context, event),
    isTooOften: ({ context, event }) => {
      const { maxRestarts } = context.spec.intensity ?? defaultIntensity;
      return comesBack(context, event) && recentlyRestarted(context).length >= maxRestarts;
    },
    isEmpty: ({ context }) => context.children.length === 0,
  },
});

/** XState's own type accepts only logic named in `setup`; a table brings its own. */
type Spawn = (logic: AnyActorLogic, options: { id: string; systemId: string; input: unknown }) => AnyActorRef;
type Enqueue = Parameters<Parameters<typeof base.enqueueActions>[0]>[0]['enqueue'];

/** Starts the waiting children: all, or the one the event names. */
const startWaiting = base.assign(({ context, event, spawn }) => {
  const only = event.type === 'sup.restart' ? event.id : undefined;
  const upSinceMs = context.ports.clock.monotonicMs();
  const started = (child: Child): Child => {
    const { id } = child.spec;
    if (child.phase !== 'waiting' || (only !== undefined && only !== id)) return child;
    report(context, { type: 'child.started', id });
    const { logic, input } = incarnate(child.spec);
    const ref = (spawn as unknown as Spawn)(logic, { id, systemId: id, input });
    return { ...child, phase: 'up', ref, upSinceMs };
  };
  return { children: context.children.map(started) };
});

/** A child is over and stays so. */
const leaveDown = base.enqueueActions(({ context, event, enqueue }) => {
  const child = exitedChild(context, event);
  if (!child) return;
  forgetActor(child, enqueue);
  const stays = !child.isDynamic && child.spec.restart === 'transient';
  const down: Child = { ...child, phase: 'down', ref: undefined };
  enqueue.assign({ children: context.children.flatMap((other) => (other !== child ? other : stays ? down : [])) });
  enqueue(() => report(context, exitReport(child, event)));
});

/** A child is over, and restarts together with those its strategy ties to it. */
const restartGroup = base.enqueueActions(({ context, event, enqueue }) => {
  const child = exitedChild(context, event);
  if (!child) return;
  const { spec, ports, children } = context;
  const group = affectedBy(spec.strategy, children, children.indexOf(child));
  for (const member of [...group].reverse()) forgetActor(member, enqueue);

  const nowMs = ports.clock.monotonicMs();
  const isStable = nowMs - child.upSinceMs >= (spec.intensity ?? defaultIntensity).windowMs;
  const attempts = isStable ? 1 : child.attempts + 1;
  const delayMs = backoffMs(spec.backoff ?? defaultBackoff, attempts, ports.random.next());
  const next = children.flatMap((member): Child | [] => {
    if (!group.includes(member)) return member;
    if (member.phase === 'retiring' || member.spec.restart === 'temporary') return []; // not started again
    return { ...member, phase: 'waiting', ref: undefined, attempts: member === child ? attempts : member.attempts };
  });
  enqueue.assign({ children: next, restartsMs: [...recentlyRestarted(context), nowMs] });

  // One-for-one restarts each child on its own; otherwise one restart starts all that are waiting.
  const id = spec.strategy === 'one-for-one' ? child.spec.id : undefined;
  const timer = restartTimer(id);
  enqueue.cancel(timer);
  enqueue.raise({ type: 'sup.restart', ...(id !== undefined && { id }) }, { delay: delayMs, id: timer });
  enqueue(() => report(context, exitReport(child, event, delayMs)));
});

/** An actor fails by throwing in an action. The children are stopped first. */
const escalate = base.enqueueActions(({ context, event, enqueue }) => {
  const id = exitedChild(context, event)?.spec.id;
  const { maxRestarts, windowMs } = context.spec.intensity ?? defaultIntensity;
  const cause = hasFailed(event) ? event.error : new Error(`${id} ended, and should not`);
  const reason = messageOf(cause);
  const error = new EscalationError(
    `${context.spec.id}: more than ${maxRestarts} restarts within ${windowMs} ms, the last one of ${id}: ${reason}`,
    { cause },
  );
  for (const child of [...context.children].reverse()) enqueue(() => child.ref && stopTree(child.ref));
  enqueue(() => report(context, { type: 'escalated', error }));
  enqueue(() => {
    throw error;
  });
});

const admit = base.enqueueActions(({ context, event, enqueue, system }) => {
  if (event.type !== 'sup.start') return;
  const { spec } = event;
  const { children, spec: own } = context;
  const reason = refusal(context, spec.id, system.get(spec.id) !== undefined);
  if (reason !== undefined) {
    enqueue(() => report(context, { type: 'child.refused', id: spec.id, reason }));
    return;
  }
  enqueue.assign({ children: [...children, newChild(spec, true)] });
  const startsWithGroup = own.strategy !== 'one-for-one' && children.some(({ phase }) => phase === 'waiting');
  if (!startsWithGroup) enqueue.raise({ type: 'sup.restart', id: spec.id });
});

const refuse = base.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'sup.start') return;
  const { id } = event.spec;
  enqueue(() => report(context, { type: 'child.refused', id, reason: 'its supervisor is stopping' }));
});

/** Retires the named child. */
const retireNamed = base.enqueueActions(({ context, event, enqueue }) => {
  const child = 'id' in event ? context.children.find(({ spec }) => spec.id === event.id) : undefined;
  if (!child || child.phase === 'retiring') return;
  enqueue.cancel(restartTimer(child.spec.id));
  enqueue.assign({ children: retire(context.children, child, enqueue) });
});

/** Retires children, youngest first, until one takes time to end. */
const retireYoungest = base.enqueueActions(({ context, enqueue }) => {
  let { children } = context;
  for (let child = children.at(-1); child && child.phase !== 'retiring'; child = children.at(-1)) {
    children = retire(children, child, enqueue);
  }
  enqueue.assign({ children });
});

/** A retiring child is over or out of time. During a shutdown: any child that is over. */
const remove = base.enqueueActions(({ context, event, enqueue }) => {
  const isOutOfTime = ({ phase, spec }: Child): boolean =>
    event.type === 'sup.kill' && phase === 'retiring' && spec.id === event.id;
  const child = exitedChild(context, event) ?? context.children.find(isOutOfTime);
  if (!child) return;
  forgetActor(child, enqueue);
  enqueue.assign({ children: context.children.filter((other) => other !== child) });
  enqueue(() => report(context, exitReport(child, event)));
});

/**
 * The child whose exit this is. Undefined if it comes from an actor that was stopped or replaced meanwhile: then the
 * current holder of the id is still active. (Ids stay the same over restarts because XState remembers every event type
 * forever, and an id is part of two of them.)
 */
function exitedChild({ children }: Context, event: Event): Child | undefined {
  if (!('actorId' in event)) return undefined;
  return children.find(({ spec, ref }) => ref && spec.id === event.actorId && statusOf(ref) !== 'active');
}

function hasFailed(event: Event): event is Extract<ExitEvent, { error: unknown }> {
  return event.type.startsWith('xstate.error.');
}

function comesBack(context: Context, event: Event): boolean {
  const child = exitedChild(context, event);
  return child !== undefined && isRestarted(child.spec.restart ?? 'permanent', hasFailed(event));
}

function recentlyRestarted({ spec, ports, restartsMs }: Context): readonly number[] {
  return recentRestarts(restartsMs, ports.clock.monotonicMs(), spec.intensity ?? defaultIntensity);
}

const restartTimer = (id: string | undefined): string => (id === undefined ? 'restart' : `restart.${id}`);
const killTimer = (id: string): string => `kill.${id}`;

/** Stops the child's actor if it still runs, and makes XState forget it. */
function forgetActor({ ref, spec }: Child, enqueue: Enqueue): void {
  if (!ref) return;
  enqueue.cancel(killTimer(spec.id));
  enqueue(() => stopTree(ref));
  enqueue.stopChild(ref);
}

/** Logic created by `supervisor()`. */
export const supervisors = new WeakSet<AnyActorLogic>();

/** Asks the child to end. With no actor to ask or no time allowed, it is removed at once. */
function retire(children: readonly Child[], child: Child, enqueue: Enqueue): readonly Child[] {
  const { ref, spec } = child;
  const shutdownMs = spec.shutdownMs ?? (supervisors.has(spec.logic) ? Infinity : 0);
  if (!ref || shutdownMs <= 0) {
    forgetActor(child, enqueue);
    if (ref) enqueue(({ context }) => report(context, { type: 'child.ended', id: spec.id }));
    return children.filter((other) => other !== child);
  }
  enqueue.sendTo(ref, { type: 'sys.shutdown' });
  if (shutdownMs < Infinity) {
    enqueue.raise({ type: 'sup.kill', id: spec.id }, { delay: shutdownMs, id: killTimer(spec.id) });
  }
  return children.map((other): Child => (other === child ? { ...child, phase: 'retiring' } : other));
}

function refusal({ children, spec }: Context, id: string, isTaken: boolean): string | undefined {
  const maxChildren = spec.maxChildren ?? defaultMaxChildren;
  if (isTaken || children.some((child) => child.spec.id === id)) return 'its id is in use';
  return children.length >= maxChildren ? `there are ${maxChildren} children already` : undefined;
}

const failAtStart = fromCallback<AnyEventObject, unknown>(({ input }) => {
  throw input;
});

function exitReport({ spec: { id } }: Child, event: Event, restartInMs?: number): SupervisionReport {
  const restart = restartInMs === undefined ? {} : { restartInMs };
  return hasFailed(event)
    ? { type: 'child.failed', id, error: event.error, ...restart }
    : { type: 'child.ended', id, ...restart };
}

function report({ spec, ports }: Context, event: SupervisionReport): void {
  try {
    ports.onEvent?.({ supervisor: spec.id, ...event });
  } catch {
    // an observer must not affect what it observes
  }
}

/** What to spawn for a table entry. If the input function throws, the child fails at its start. */
function incarnate({ logic, input }: ActorSpec): { logic: AnyActorLogic; input: unknown } {
  try {
    return { logic, input: typeof input === 'function' ? (input as () => unknown)() : input };
  } catch (error) {
    return { logic: failAtStart, input: error };
  }
}

export const newChild = (spec: ActorSpec, isDynamic: boolean): Child => ({
  spec,
  isDynamic,
  phase: 'waiting',
  ref: undefined,
  upSinceMs: 0,
  attempts: 0,
});

export const actions = {
  startWaiting,
  leaveDown,
  restartGroup,
  escalate,
  admit,
  refuse,
  retireNamed,
  retireYoungest,
  remove,
};
