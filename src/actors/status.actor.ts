/** Parent: services; permanent. Watches the board for changes; sends `status` to every peer. */
import type { AnyActorLogic } from 'xstate';
import { statusMachine } from '../machines/status.machine.js';
import type { WorkerData } from './worker/worker-ports.js';

export function createStatus({ board, outboxes }: WorkerData): AnyActorLogic {
  return statusMachine.provide({
    actions: {
      watch: ({ self }) => board.onChange(() => self.send({ type: 'status.changed' })),
      broadcast: () => outboxes.broadcast(board.message()),
    },
  });
}
