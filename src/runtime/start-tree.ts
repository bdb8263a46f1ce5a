/** Starts a supervision tree, and ends it: the only place where an actor system is made. */
import { createActor, type AnyActor, type AnyActorRef, type InspectionEvent } from 'xstate';
import { statusOf, type AnyActorSystem } from './actor-system.js';
import type { SupervisorPorts, SupervisorSpec } from './supervision.js';
import { supervisor } from './supervisor.js';

export interface Tree {
  /** The root supervisor. */
  readonly root: AnyActorRef & { stop(): void };
  readonly system: AnyActorSystem;
  /** Shuts down in order. `stopped` is called once, when nothing of the tree is left: at once, if nothing is left by now. */
  stop(stopped?: () => void): void;
  /** `escalated` is called once the root has given up; nothing of the tree is left then. At once, if it has by now. */
  onEscalation(escalated: (error: unknown) => void): void;
}

export interface TreeOptions {
  /** What actors write to XState's logger, such as a cleanup that failed. Default: nowhere. */
  readonly log?: ((message: unknown, error?: unknown) => void) | undefined;
  /** Sees every event and snapshot of the tree. What it throws is dropped: XState would throw it at the sender of an event. */
  readonly inspect?: ((event: InspectionEvent) => void) | undefined;
}

export function startTree(spec: SupervisorSpec, ports: SupervisorPorts, { inspect, log }: TreeOptions = {}): Tree {
  const root: AnyActor = createActor(supervisor(spec, ports), {
    id: spec.id,
    systemId: spec.id,
    clock: ports.clock,
    logger: log ?? (() => {}),
    ...(inspect && { inspect: harmless(inspect) }),
  });
  root.subscribe({ error: () => {} }); // a failure that nobody listens for yet is no uncaught exception
  root.start();
  return {
    root,
    system: root.system,
    stop(stopped = () => {}) {
      if (statusOf(root) !== 'active') {
        stopped();
        return;
      }
      root.subscribe({ complete: stopped, error: stopped });
      root.send({ type: 'sys.shutdown' });
    },
    onEscalation(escalated) {
      root.subscribe({ error: escalated });
    },
  };
}

function harmless(inspect: (event: InspectionEvent) => void): (event: InspectionEvent) => void {
  return (event) => {
    try {
      inspect(event);
    } catch {
      // an observer has no say in what it observes
    }
  };
}
