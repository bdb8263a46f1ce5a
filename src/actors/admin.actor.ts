/**
 * Parent: services; permanent, and its first child, so that the page shows the others starting. Holds the admin server,
 * which reads what the worker reports about itself and watches its tree. Nothing depends on it.
 */
import type { AnyActorLogic } from 'xstate';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import { createListener, type ListenerEvents } from './listener.actor.js';
import type { WorkerDeps } from './worker/worker-ports.js';

/** How to open the admin server; src/admin/ has the real implementation. */
export interface AdminPort {
  open(deps: WorkerDeps, system: AnyActorSystem, on: ListenerEvents): { close(): void };
}

export const createAdmin = (deps: WorkerDeps, port: AdminPort): AnyActorLogic =>
  createListener({
    open(system, on) {
      const server = port.open(deps, system, on);
      return {
        close() {
          deps.board.admin = undefined;
          server.close();
        },
      };
    },
    announce(address) {
      deps.log.info('admin.listening', { admin: address });
      deps.board.admin = address;
      deps.onAdminReady?.(address);
    },
    reportFailure: (error) =>
      deps.log.warn('admin.failed', {
        error,
        note: 'There is no page, no metrics and no probes until its address is free; the worker works on. QMESH_ADMIN names another one.',
      }),
  });
