/** Starts and stops a supervision tree: the only place where an actor system is created. */
import { createActor, type AnyActor, type AnyActorRef, type InspectionEvent } from 'xstate';
import { statusOf, type AnyActorSystem } from './actor-system.js';
import type { SupervisorPorts, SupervisorSpec } from './supervision.js';
import { supervisor } from './supervisor.js';

export interface Tree {
  /** The root supervisor. */
  readonly root: AnyActorRef & { stop(): void };
  readonly system: AnyActorSystem;
  /**
   * Shuts down in order. `stopped` is called once, when nothing of the tree is left; immediately if that is already so.
   */
  stop(stopped?: () => void): void;
  /**
   * `escalated` is called once the root has given up and nothing of the tree is left; immediately if that is already
   * so.
   */
  onEscalation(escalated: (error: unknown) => void): void;
}

export interface TreeOptions {
  /** Receives what actors write to XState's logger, such as a failed cleanup. Default: discarded. */
  readonly log?: ((message: unknown, error?: unknown) => void) | undefined;
  /**
   * Sees every event and snapshot of the tree. Its errors are dropped: XState would throw them at the sender of an
   * event.
   */
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
  root.subscribe({ error: () => {} }); // without a listener, a failure would be an uncaught exception
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
      // an observer must not affect what it observes
    }
  };
}
