/**
 * An OTP supervisor as a statechart. It has a table of children and a strategy, and does nothing but keep them running:
 *
 *  1. Starts its children in table order, each under a system id equal to the id of its table entry.
 *  2. Restarts a child that is over, as its `restart` kind says, with those the strategy ties to it, after a backoff.
 *  3. On too many restarts, stops all its children and fails itself; its parent then decides.
 *  4. Adds and removes children while it runs (`sup.start`, `sup.stop`), for example one per connection.
 *  5. On `sys.shutdown`, ends its children one by one, youngest first, and is then done.
 *
 * When a crash takes siblings down, they are stopped at once in reverse order without being asked: what they depend on
 * is gone. Only supervisors assign system ids.
 */
import type { AnyActorLogic } from 'xstate';
import { reapOrphans } from './actor-system.js';
import { maxMicrosteps } from './limits.js';
import type { ActorSpec, ChildSpec, SupervisorPorts, SupervisorSpec } from './supervision.js';
import { actions, base, newChild, supervisors } from './supervisor-actions.js';

const chart = base.extend({ actions });

/** @throws if two table entries have the same id. */
export function supervisor(spec: SupervisorSpec, ports: SupervisorPorts): AnyActorLogic {
  assertUniqueIds(spec);
  const children = spec.children.map((child) => newChild(toActorSpec(child, ports), false));
  const exit = ['xstate.error.actor.*', 'xstate.done.actor.*'] as const;
  const logic = chart.createMachine({
    id: 'supervisor',
    context: ({ self }) => {
      reapOrphans(self.system); // before any child exists
      return { spec, ports, children, restartsMs: [] };
    },
    options: { maxIterations: maxMicrosteps },
    initial: 'running',
    states: {
      // No timeout: this is the normal state of a supervisor.
      running: {
        entry: 'startWaiting',
        on: {
          ...onEach(exit, [
            { guard: 'isStale' },
            { guard: 'isRetiring', actions: 'remove' },
            { guard: 'isTooOften', target: 'escalating' },
            { guard: 'comesBack', actions: 'restartGroup' },
            { actions: 'leaveDown' },
          ]),
          'sup.restart': { actions: 'startWaiting' },
          'sup.start': { actions: 'admit' },
          'sup.stop': { actions: 'retireNamed' },
          'sup.kill': { actions: 'remove' },
          'sys.shutdown': 'stopping',
        },
      },
      // Never left: its entry action throws, which fails the supervisor.
      escalating: { entry: 'escalate' },
      // Every child has its own time limit.
      stopping: {
        entry: 'retireYoungest',
        always: { guard: 'isEmpty', target: 'stopped' },
        on: {
          ...onEach(exit, [{ guard: 'isStale' }, { actions: ['remove', 'retireYoungest'] }]),
          'sup.kill': { actions: ['remove', 'retireYoungest'] },
          'sup.start': { actions: 'refuse' },
        },
      },
      stopped: { type: 'final' },
    },
  });
  supervisors.add(logic);
  return logic;
}

const onEach = <K extends string, T>(events: readonly K[], transitions: T): Record<K, T> =>
  Object.fromEntries(events.map((event) => [event, transitions])) as Record<K, T>;

function toActorSpec(spec: ChildSpec, ports: SupervisorPorts): ActorSpec {
  if ('logic' in spec) return spec;
  const { id, restart = 'permanent', shutdownMs = Infinity } = spec;
  return { id, restart, shutdownMs, logic: supervisor(spec, ports) };
}

/** @throws if an id occurs twice in the tables: names are unique in the whole tree. */
function assertUniqueIds(root: SupervisorSpec): void {
  const seen = new Set<string>();
  const visit = (spec: ChildSpec): void => {
    if (seen.has(spec.id)) throw new Error(`supervision tree ${root.id}: there are two actors named ${spec.id}`);
    seen.add(spec.id);
    if ('children' in spec) spec.children.forEach(visit);
  };
  visit(root);
}
