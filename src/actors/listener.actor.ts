/** A server that lives as long as its actor: the part that the admin page and the control channel share. */
import type { AnyActorLogic } from 'xstate';
import { listenerMachine } from '../machines/listener.machine.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import { guardedCallback } from '../runtime/guarded-callback.js';

export interface ListenerEvents {
  /** With the address as people type it. */
  listening(address: string): void;
  /** The server is finished. Called at most once. */
  failed(error: Error): void;
}

export interface ListenerOptions {
  readonly open: (system: AnyActorSystem, on: ListenerEvents) => { close(): void };
  /** Called each time it starts to listen. */
  readonly announce?: (address: string) => void;
  /** Called for the first of several failures in a row. */
  readonly reportFailure: (error: Error) => void;
}

export const createListener = ({ open, announce, reportFailure }: ListenerOptions): AnyActorLogic =>
  listenerMachine.provide({
    actors: {
      server: guardedCallback(({ sendBack, guard, defer, system }) => {
        const server = open(system, {
          listening: guard((address) => sendBack({ type: 'listener.listening', address })),
          failed: guard((error) => sendBack({ type: 'listener.failed', error })),
        });
        defer(() => server.close());
      }),
    },
    actions: {
      announce: (_, { address }) => announce?.(address),
      reportFailure: (_, { error }) => reportFailure(error),
    },
  });
