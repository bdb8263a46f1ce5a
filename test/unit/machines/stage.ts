/**
 * A machine alone on a virtual clock: its effects are recorded instead of done, its invoked actors are played by the test,
 * and which transitions of the chart were taken is kept, so that a file can end by asking whether it took them all.
 */
import {
  createActor,
  type AnyEventObject,
  type AnyStateMachine,
  type AnyStateNode,
  type InspectionEvent,
} from 'xstate';
import { guardedCallback } from '../../../src/runtime/guarded-callback.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

/** One effect: the action's name, and what it was given. */
export interface Effect {
  readonly name: string;
  readonly params: unknown;
  readonly context: Record<string, unknown>;
}

export interface Staged {
  readonly clock: VirtualClock;
  send(...events: AnyEventObject[]): void;
  /** What the machine did since this was last asked, in order. */
  did(): string[];
  effects(): Effect[];
  /** What its invoked actors were told: `process: process.load`, or that they started or stopped. */
  told(): string[];
  readonly state: unknown;
  readonly context: Record<string, unknown>;
  readonly isDone: boolean;
  readonly output: unknown;
}

/** Transitions taken by any run of a machine in this file, by its id. */
const taken = new Map<string, Set<string>>();

export function stage(machine: AnyStateMachine, input?: unknown): Staged {
  const clock = new VirtualClock();
  let effects: Effect[] = [];
  let told: string[] = [];
  const implementations = machine.implementations as { actions: object; actors: object };
  const stubs = Object.entries(implementations.actions).filter(([, action]) => !('type' in (action as object)));
  const actions = Object.fromEntries(
    stubs.map(([name]) => [
      name,
      ({ context }: { context: Record<string, unknown> }, params: unknown) =>
        void effects.push({ name, params, context }),
    ]),
  );
  const actors = Object.fromEntries(
    Object.keys(implementations.actors).map((name) => [
      name,
      guardedCallback(({ receive, defer }) => {
        told.push(`${name} started`);
        receive(({ type }) => void told.push(`${name}: ${type}`));
        defer(() => void told.push(`${name} stopped`));
      }),
    ]),
  );
  const actor = createActor(machine.provide({ actions, actors } as never), { clock, input, inspect: noteTransitions });
  actor.subscribe({
    error: (error) => void effects.push({ name: `failed: ${String(error)}`, params: undefined, context: {} }),
  });
  actor.start();
  return {
    clock,
    send(...events) {
      for (const event of events) if (actor.getSnapshot().status === 'active') actor.send(event);
    },
    did() {
      const names = effects.map(({ name }) => name);
      effects = [];
      return names;
    },
    effects() {
      const all = effects;
      effects = [];
      return all;
    },
    told() {
      const all = told;
      told = [];
      return all;
    },
    get state() {
      return (actor.getSnapshot() as { value: unknown }).value;
    },
    get context() {
      return (actor.getSnapshot() as { context: Record<string, unknown> }).context;
    },
    get isDone() {
      return actor.getSnapshot().status === 'done';
    },
    get output() {
      return actor.getSnapshot().output as unknown;
    },
  };
}

/** The transitions of the chart that no run in this file has taken, as `state on event (n)`. */
export function untaken(machine: AnyStateMachine): string[] {
  const seen = taken.get(machine.id) ?? new Set();
  return transitionsOf(machine.root as AnyStateNode).filter((name) => !seen.has(name));
}

/** XState types `source` as always there; a machine's first step has none. */
interface Transition {
  readonly source: AnyStateNode | undefined;
  readonly eventType: string;
}

/** For a machine that a test starts by itself: what its actor's `inspect` is given. */
export function noteTransitions(event: InspectionEvent): void {
  if (event.type !== '@xstate.microstep') return;
  for (const transition of event._transitions as Transition[]) {
    const { source } = transition;
    if (source === undefined) continue;
    const siblings = source.transitions.get(transition.eventType) ?? source.always ?? [];
    const names = taken.get(source.machine.id) ?? new Set();
    taken.set(
      source.machine.id,
      names.add(
        nameOf(
          source,
          transition,
          siblings.findIndex((other) => other === transition),
        ),
      ),
    );
  }
}

const nameOf = (source: AnyStateNode, { eventType }: Transition, place: number): string =>
  `${source.id} on ${eventType === '' ? 'always' : eventType} (${place + 1})`;

function transitionsOf(node: AnyStateNode): string[] {
  const lists = [...node.transitions.values(), node.always ?? []];
  return [
    ...lists.flatMap((list) => list.map((transition, i) => nameOf(node, transition, i))),
    ...Object.values(node.states as Record<string, AnyStateNode>).flatMap(transitionsOf),
  ];
}
