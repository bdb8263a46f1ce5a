/**
 * Parent: services; permanent, and its first child, so that the page shows the others start. Holds the admin server, which reads what the
 * worker says of itself and watches its tree; nobody depends on it.
 */
import type { AnyActorLogic } from 'xstate';
import { adminMachine } from '../machines/admin.machine.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { WorkerDeps } from './worker-ports.js';

/** How a worker is looked at; src/admin/ has the real one. */
export interface AdminPort {
  /** `listening` with the address as people type it; `failed` ends it, and is called at most once. */
  open(deps: WorkerDeps, system: AnyActorSystem, on: AdminEvents): { close(): void };
}

export interface AdminEvents {
  listening(address: string): void;
  failed(error: Error): void;
}

export function createAdmin(deps: WorkerDeps, port: AdminPort): AnyActorLogic {
  return adminMachine.provide({
    actors: { server: createServer(deps, port) },
    actions: {
      announce: (_, { address }) => {
        deps.log.info('admin.listening', { admin: address });
        deps.board.admin = address;
        deps.onAdminReady?.(address);
      },
      reportFailure: (_, { error }) =>
        deps.log.warn('admin.failed', {
          error,
          note: 'There is no page, no metrics and no probes until its address is free; the worker works on. QMESH_ADMIN names another one.',
        }),
    },
  });
}

function createServer(deps: WorkerDeps, port: AdminPort) {
  return guardedCallback(({ sendBack, guard, defer, system }) => {
    const server = port.open(deps, system, {
      listening: guard((address) => sendBack({ type: 'admin.listening', address })),
      failed: guard((error) => sendBack({ type: 'admin.failed', error })),
    });
    defer(() => {
      deps.board.admin = undefined;
      server.close();
    });
  });
}
