/**
 * A machine as plain data: its states, what they do on entry and exit, which events they handle and where those lead.
 * The generated pages of docs/statecharts/ and live views are drawn from this, never from the machine itself, so the
 * reader sees what runs. Names are those of the machine's source.
 */
import { StateMachine, type AnyStateMachine, type AnyStateNode } from 'xstate';

export interface Chart {
  /** The machine's id. */
  readonly id: string;
  readonly root: ChartState;
}

export interface ChartState {
  /** Dotted path from the machine's id: `scheduler.open.serving`. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly description: string | undefined;
  /** Id of the state that a compound state starts in. */
  readonly initial: string | undefined;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly string[];
  readonly transitions: readonly ChartTransition[];
  readonly states: readonly ChartState[];
}

export interface ChartTransition {
  /** The event's type, `after <delay>`, `done: <actor>`, `error: <actor>`, or `always`. */
  readonly event: string;
  readonly guard: string | undefined;
  readonly actions: readonly string[];
  /** Ids of the states entered; empty if the transition stays inside its state. */
  readonly targets: readonly string[];
}

/** The machines among a module's exports, by export name. */
export function machinesOf(module: Readonly<Record<string, unknown>>): [name: string, machine: AnyStateMachine][] {
  return Object.entries(module).filter((entry): entry is [string, AnyStateMachine] => entry[1] instanceof StateMachine);
}

export function toChart(machine: AnyStateMachine): Chart {
  return { id: machine.id, root: toState(machine.root as AnyStateNode) };
}

/** Every state of a chart, outermost first, in source order. */
export function allStates(chart: Chart): ChartState[] {
  const below = (state: ChartState): ChartState[] => [state, ...state.states.flatMap(below)];
  return below(chart.root);
}

function toState(node: AnyStateNode): ChartState {
  const path = [node.machine.id, ...node.path].join('.');
  const config = node.config as { entry?: unknown; exit?: unknown }; // `node.entry` also holds the raises behind `after`
  return {
    id: path,
    name: node.path.length === 0 ? node.machine.id : node.key,
    kind: node.type,
    description: node.description,
    initial: node.type === 'compound' ? pathsOf(node.initial.target)[0] : undefined,
    entry: list(config.entry).map(nameOfAction),
    exit: list(config.exit).map(nameOfAction),
    invokes: node.invoke.map((invoked) => nameOfInvoke(invoked)),
    transitions: [...[...node.transitions.values()].flat(), ...(node.always ?? [])].map((transition) => ({
      event: nameOfEvent(String(transition.eventType), node),
      guard: transition.guard === undefined ? undefined : nameOfGuard(transition.guard),
      actions: transition.actions.map(nameOfAction),
      targets: pathsOf(transition.target),
    })),
    states: Object.values(node.states as Record<string, AnyStateNode>).map(toState),
  };
}

function pathsOf(
  nodes: readonly { readonly machine: { readonly id: string }; readonly path: readonly string[] }[] | undefined,
): string[] {
  return (nodes ?? []).map((node) => [node.machine.id, ...node.path].join('.'));
}

function nameOfEvent(type: string, node: AnyStateNode): string {
  if (type === '') return 'always';
  if (type === '*') return 'any other event';
  const [, namespace, about] = /^xstate\.(after|done\.actor|error\.actor|done\.state|snapshot)\.(.+)$/.exec(type) ?? [];
  if (namespace === undefined || about === undefined) return type;
  if (namespace === 'after') {
    const delay = about.slice(0, -`.${node.id}`.length);
    return /^\d+$/.test(delay) ? `after ${delay} ms` : `after ${delay}`;
  }
  if (namespace === 'done.state') return 'done';
  return `${namespace.replace('.actor', '')}: ${actorName(about, node)}`;
}

/** XState gives an invoked actor without an id a meaningless one (`0.machine.state`); its source name says more. */
function actorName(id: string, node: AnyStateNode): string {
  const invoked = node.invoke.find((candidate) => candidate.id === id);
  return invoked === undefined ? id : nameOfInvoke(invoked);
}

function nameOfInvoke(invoked: { readonly id: string; readonly src: unknown }): string {
  if (!/^\d+\./.test(invoked.id)) return invoked.id;
  return typeof invoked.src === 'string' ? invoked.src.replace(/^xstate\.invoke\.\d+\..*$/, 'actor') : 'actor';
}

function nameOfGuard(guard: unknown): string {
  const inner = guardsOf(guard);
  const kind = typeof guard === 'function' ? guard.name : '';
  if (kind === 'not' && inner.length > 0) return `not ${inner.join('')}`;
  if ((kind === 'and' || kind === 'or') && inner.length > 0) return inner.join(` ${kind} `);
  if (kind === 'stateIn') return `in ${JSON.stringify((guard as { stateValue?: unknown }).stateValue)}`;
  return nameOf(guard, 'guard');
}

function guardsOf(guard: unknown): string[] {
  const guards = typeof guard === 'function' && 'guards' in guard ? guard.guards : undefined;
  return Array.isArray(guards) ? guards.map(nameOfGuard) : [];
}

/** What XState's action creators leave on the action they return. */
interface BuiltIn {
  readonly type?: unknown;
  readonly event?: unknown;
  readonly target?: unknown;
  readonly id?: unknown;
  readonly src?: unknown;
  readonly actorRef?: unknown;
}

function nameOfAction(action: unknown): string {
  const { type, event, src, actorRef } = (typeof action === 'function' ? action : {}) as BuiltIn;
  switch (type) {
    case 'xstate.assign':
      return 'assign';
    case 'xstate.raise':
      return `raise ${nameOf(event, 'an event')}`;
    case 'xstate.sendTo':
      return `send ${nameOf(event, 'an event')}`;
    case 'xstate.emit':
      return `emit ${nameOf(event, 'an event')}`;
    case 'xstate.spawnChild':
      return `spawn ${nameOf(src, 'an actor')}`;
    case 'xstate.stopChild':
      return `stop ${nameOf(actorRef, 'an actor')}`;
    default:
      return nameOf(action, 'action').replace(/^xstate\./, '');
  }
}

/** A name, an object with a type, or a named function; `otherwise` for what is computed at run time. */
function nameOf(value: unknown, otherwise: string): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return otherwise;
  const { type, name } = value as { type?: unknown; name?: unknown };
  if (typeof type === 'string') return type;
  return typeof name === 'string' && !['', 'guard', 'actions', 'event', 'src'].includes(name) ? name : otherwise;
}

function list(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
