/**
 * A statechart that thousands of small things run at once. It is compiled from its XState machine into a table when the
 * module loads; from then on each step is a lookup, at a hundredth of the cost of an actor. The machine remains the one
 * place where the chart is written, drawn and tested. It must be stateless:
 *
 * - No guards and no assigns: decisions arrive as different events, and the context belongs to the caller and is only
 *   read.
 * - Effects are named actions, waits are named delays. No children, no parallel states.
 *
 * An effect may send events at once: one sent during a step is processed after it, as in an actor's mailbox.
 */
import {
  initialTransition,
  transition,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
} from 'xstate';

/** One thing that a step does. A timer is named after the event it sends when it fires. */
type Act =
  | { readonly kind: 'effect'; readonly name: string }
  | { readonly kind: 'start'; readonly timer: string; readonly delay: string }
  | { readonly kind: 'stop'; readonly timer: string };

interface Step {
  readonly to: State;
  /** Executed in this order. */
  readonly acts: readonly Act[];
}

interface State {
  /** Name of the innermost state. */
  readonly name: string;
  readonly isFinal: boolean;
  readonly on: Map<string, Step>;
}

export interface ChartTable {
  readonly first: Step;
  readonly delays: ReadonlyMap<string, Delay>;
}

type Delay = number | ((of: { readonly context: object }) => number);

/** @throws TypeError if the machine uses a feature that a table does not support. */
export function chartTable(machine: AnyStateMachine): ChartTable {
  const nodes = [...nodesOf(machine.root as AnyStateNode)];
  const delayOf = new Map(nodes.flatMap((node) => node.after.map((each) => [each.eventType, String(each.delay)])));
  const events = new Set<string>();
  for (const { transitions, always } of nodes) {
    for (const [event, targets] of transitions) {
      events.add(event);
      if (targets.some(({ guard }) => guard !== undefined)) throw new TypeError(`${machine.id}: '${event}' is guarded`);
    }
    if (always !== undefined && always.length > 0) throw new TypeError(`${machine.id}: 'always' depends on a context`);
  }

  const delays = Object.entries(machine.implementations.delays as Record<string, Delay>);
  /**
   * Delays depend on a context that does not exist yet. Any number will do, since no timer is armed; without one,
   * XState would step on at once.
   */
  const still = machine.provide({ delays: Object.fromEntries(delays.map(([name]) => [name, 1])) });
  const states = new Map<string, State>();
  const stepTo = (snapshot: AnyMachineSnapshot, actions: readonly { readonly type: string }[]): Step => ({
    to: stateOf(snapshot),
    acts: actions.map((action) => actOf(action, delayOf)),
  });
  const stateOf = (snapshot: AnyMachineSnapshot): State => {
    const key = JSON.stringify(snapshot.value);
    const known = states.get(key);
    if (known !== undefined) return known;
    const name = (/"(\w+)"\}*$/.exec(key) ?? [])[1] ?? key;
    const state: State = { name, isFinal: snapshot.status === 'done', on: new Map() };
    states.set(key, state);
    for (const type of state.isFinal ? [] : events) {
      const [next, actions] = transition(still, snapshot, { type });
      const isStep = next.value !== snapshot.value || actions.length > 0;
      if (isStep) state.on.set(type, stepTo(next as AnyMachineSnapshot, actions));
    }
    return state;
  };
  const first = stepTo(...(initialTransition(still, {}) as [AnyMachineSnapshot, { type: string }[]]));
  return { first, delays: new Map(delays) };
}

function actOf(action: { readonly type: string }, delayOf: ReadonlyMap<string, string>): Act {
  const { params } = action as { readonly params?: { readonly id?: string; readonly sendId?: string } };
  if (action.type === 'xstate.cancel') return { kind: 'stop', timer: params?.sendId ?? '' };
  if (!action.type.startsWith('xstate.')) return { kind: 'effect', name: action.type };
  const timer = params?.id ?? '';
  const delay = delayOf.get(timer);
  if (delay === undefined) throw new TypeError(`a table has no room for ${action.type}`);
  return { kind: 'start', timer, delay };
}

function* nodesOf(node: AnyStateNode): Iterable<AnyStateNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* nodesOf(child as AnyStateNode);
}

export interface ChartHost<Of extends object> {
  readonly effects: Readonly<Record<string, (of: Of) => void>>;
  /** @returns cancel */
  readonly after: (delayMs: number, fn: () => void) => () => void;
  /** `of` reached the final state named `state`. */
  readonly ended: (of: Of, state: string) => void;
}

/** One thing moving through a chart. `of` is the context for the chart's delays. */
export class ChartRun<Of extends object> {
  readonly #table: ChartTable;
  readonly #host: ChartHost<Of>;
  readonly #of: Of;
  readonly #timers = new Map<string, () => void>();
  #state: State;
  /** Events sent during the current step; undefined between steps. */
  #next: string[] | undefined;

  constructor(table: ChartTable, host: ChartHost<Of>, of: Of) {
    this.#table = table;
    this.#host = host;
    this.#of = of;
    this.#state = table.first.to;
  }

  /** Call once. Effects may call `send` before this returns. */
  start(): void {
    this.#take(this.#table.first);
  }

  get state(): string {
    return this.#state.name;
  }

  send(event: string): void {
    const step = this.#next === undefined ? this.#state.on.get(event) : undefined;
    if (step !== undefined) this.#take(step);
    else this.#next?.push(event);
  }

  /** Clears the timers. Later events are ignored. */
  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#next = undefined;
    this.#state = over;
  }

  #take(first: Step): void {
    const waiting: string[] = [];
    this.#next = waiting;
    for (let step: Step | undefined = first; step !== undefined; step = this.#following(waiting)) {
      this.#state = step.to;
      for (const act of step.acts) this.#do(act);
    }
    this.#next = undefined;
    if (this.#state.isFinal) this.#host.ended(this.#of, this.#state.name);
  }

  #following(waiting: string[]): Step | undefined {
    for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
      const step = this.#state.on.get(event);
      if (step !== undefined) return step;
    }
    return undefined;
  }

  #do(act: Act): void {
    if (this.#state === over) return;
    switch (act.kind) {
      case 'effect':
        return this.#host.effects[act.name]?.(this.#of);
      case 'stop':
        this.#timers.get(act.timer)?.();
        return void this.#timers.delete(act.timer);
      case 'start': {
        const { timer } = act;
        const delay = this.#table.delays.get(act.delay) ?? 0;
        const delayMs = typeof delay === 'number' ? delay : delay({ context: this.#of });
        const fire = (): void => {
          this.#timers.delete(timer);
          this.send(timer);
        };
        this.#timers.set(timer, this.#host.after(delayMs, fire));
      }
    }
  }
}

const over: State = { name: 'over', isFinal: false, on: new Map() };
