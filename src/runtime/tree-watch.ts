/**
 * A running tree as data: its actors, their states, and what happens from now on. For pages and terminals that show a
 * running program; state names are those of the charts. A tree that nobody watches pays nothing for it.
 */
import { StateMachine, type AnyActorLogic, type AnyActorRef, type AnyEventObject } from 'xstate';
import { childrenOf, lookAt, parentOf, statusOf, type AnyActorSystem, type Seen } from './actor-system.js';
import { nameOf } from './inspection.js';
import { supervisors, type Child } from './supervisor-actions.js';

export interface ActorSight {
  readonly name: string;
  /** Undefined for the root. */
  readonly parent: string | undefined;
  /** Id of its machine and chart; undefined for an actor without states. */
  readonly machine: string | undefined;
  /** `waiting`: its supervisor will restart it. `down`: it has ended and exists only in its supervisor's table. */
  readonly status: 'active' | 'done' | 'error' | 'stopped' | 'waiting' | 'down';
  /** The innermost active states, named as in its chart: `slot.busy.decoding.heard`. */
  readonly states: readonly string[];
}

export type Happening =
  | { readonly type: 'started'; readonly ref: AnyActorRef }
  | {
      readonly type: 'message';
      readonly ref: AnyActorRef;
      /** Undefined if it comes from outside the tree. */
      readonly from: string | undefined;
      readonly to: string;
      readonly event: AnyEventObject;
    }
  /** Its states have changed: `sightOf` returns the new ones. */
  | { readonly type: 'moved'; readonly ref: AnyActorRef };

/** `root` and all its descendants, parents first. */
export const descendantsOf = (root: AnyActorRef): AnyActorRef[] => [root, ...childrenOf(root).flatMap(descendantsOf)];

/** All actors from `root` down, parents first, including those their supervisors are about to restart. */
export const sightsOf = (root: AnyActorRef): ActorSight[] =>
  descendantsOf(root).flatMap((ref) => [
    sightOf(ref),
    ...absentOf(ref).map(({ spec, phase }): ActorSight => ({
      name: spec.id,
      parent: nameOf(ref),
      machine: machineOf(spec.logic),
      status: phase === 'down' ? 'down' : 'waiting',
      states: [],
    })),
  ]);

/** @returns unsubscribe */
export function watchTree(system: AnyActorSystem, see: (happening: Happening) => void): () => void {
  const known = new WeakMap<AnyActorRef, { readonly value: unknown; readonly stands: string }>();
  const look = ({ type, actorRef, event, sourceRef }: Seen): void => {
    if (type === '@xstate.event') {
      if (event.type === 'xstate.init') see({ type: 'started', ref: actorRef });
      else {
        const from = sourceRef && identityOf(sourceRef).name;
        see({ type: 'message', ref: actorRef, from, to: identityOf(actorRef).name, event });
      }
    } else if (type === '@xstate.snapshot') {
      const { value, status } = actorRef.getSnapshot() as { readonly value?: unknown; readonly status: string };
      const before = known.get(actorRef);
      if (before !== undefined && before.value === value && before.stands.startsWith(status)) return; // most events
      const stands = `${status} ${JSON.stringify(value)}`;
      known.set(actorRef, { value, stands });
      if (before?.stands !== stands) see({ type: 'moved', ref: actorRef });
    }
  };
  return lookAt(system, (seen) => {
    try {
      look(seen);
    } catch {
      // it would be thrown at the sender of the event
    }
  });
}

type Identity = Pick<ActorSight, 'name' | 'parent' | 'machine'>;

/** The properties of an actor that never change, cached because they are needed for each message. */
const identities = new WeakMap<AnyActorRef, Identity>();

function identityOf(ref: AnyActorRef): Identity {
  const known = identities.get(ref);
  if (known !== undefined) return known;
  const parent = parentOf(ref);
  const identity = { name: nameOf(ref), parent: parent && nameOf(parent), machine: machineOf(logicOf(ref)) };
  identities.set(ref, identity);
  return identity;
}

export function sightOf(ref: AnyActorRef): ActorSight {
  const identity = identityOf(ref);
  const { machine } = identity;
  const { value } = (ref.getSnapshot() ?? {}) as { value?: unknown };
  return {
    ...identity,
    status: (statusOf(ref) ?? 'error') as ActorSight['status'],
    states: machine === undefined || value === undefined ? [] : leavesOf(machine, value),
  };
}

const logicOf = (ref: AnyActorRef): AnyActorLogic => (ref as unknown as { readonly logic: AnyActorLogic }).logic;

const machineOf = (logic: unknown): string | undefined => (logic instanceof StateMachine ? logic.id : undefined);

/** Children in a supervisor's table that are not running. */
function absentOf(ref: AnyActorRef): readonly Child[] {
  if (!supervisors.has(logicOf(ref))) return [];
  const { context } = ref.getSnapshot() as { context: { readonly children: readonly Child[] } };
  return context.children.filter((child) => child.ref === undefined);
}

/** `{busy: 'decoding'}` of a slot → `slot.busy.decoding`; one for each active parallel region. */
function leavesOf(path: string, value: unknown): string[] {
  if (typeof value === 'string') return [`${path}.${value}`];
  const inner = Object.entries(value as Record<string, unknown>);
  return inner.length === 0 ? [path] : inner.flatMap(([name, below]) => leavesOf(`${path}.${name}`, below));
}
