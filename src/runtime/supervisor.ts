/**
 * An OTP supervisor as a statechart. It is a table of children and a strategy, and does nothing but keep them up:
 *
 *  1. starts its children in the order of the table, each under a system id that is the id of its table entry;
 *  2. restarts a child that is over, as its `restart` kind says, with those that the strategy ties to it, after a backoff;
 *  3. fails itself, with all its children stopped, when restarts come too often: then its parent decides;
 *  4. takes in and lets go of children while it runs (`sup.start`, `sup.stop`): one per connection, say;
 *  5. on `sys.shutdown` ends its children one by one, the youngest first, and is then done.
 *
 * When a crash takes siblings along they are stopped at once, in reverse order, and not asked: what they lean on is gone.
 * Only supervisors give out system ids.
 */
import type { AnyActorLogic } from 'xstate';
import { reapOrphans } from './actor-system.js';
import { maxMicrosteps } from './limits.js';
import type { ActorSpec, ChildSpec, SupervisorPorts, SupervisorSpec } from './supervision.js';
import { actions, base, newChild, supervisors } from './supervisor-actions.js';

const chart = base.extend({ actions });

/** @throws where two entries of the tables have the same id. */
export function supervisor(spec: SupervisorSpec, ports: SupervisorPorts): AnyActorLogic {
  assertUniqueIds(spec);
  const children = spec.children.map((child) => newChild(toActorSpec(child, ports), false));
  const exit = ['xstate.error.actor.*', 'xstate.done.actor.*'] as const;
  const logic = chart.createMachine({
    id: 'supervisor',
    context: ({ self }) => {
      reapOrphans(self.system); // before any child is made
      return { spec, ports, children, restartsMs: [] };
    },
    options: { maxIterations: maxMicrosteps },
    initial: 'running',
    states: {
      // No timeout: this is where a supervisor lives.
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
      // Never left: its entry throws, which fails the supervisor.
      escalating: { entry: 'escalate' },
      // Every child has a time limit of its own.
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

/** @throws where one id is in the tables twice: names are unique in the whole tree. */
function assertUniqueIds(root: SupervisorSpec): void {
  const seen = new Set<string>();
  const visit = (spec: ChildSpec): void => {
    if (seen.has(spec.id)) throw new Error(`supervision tree ${root.id}: there are two actors named ${spec.id}`);
    seen.add(spec.id);
    if ('children' in spec) spec.children.forEach(visit);
  };
  visit(root);
}
