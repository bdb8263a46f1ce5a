/**
 * Parent: a client's links supervisor; temporary, one per connection. Receives a worker's frames; passes status to the
 * directory, and everything about a request to that request.
 */
import type { AnyActorLogic } from 'xstate';
import { linkMachine } from '../machines/link.machine.js';
import { decodeMessage, type DecodeOutcome } from '../protocol/decode.js';
import type { HelloMessage, InferenceMessage, InferenceResultMessage } from '../protocol/messages.js';
import { encodeFrame } from '../protocol/frame.js';
import type { Clock } from '../runtime/clock.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { Logger } from '../runtime/log.js';
import { listenToFrames } from './network/framed-connection.js';
import type { Connection } from './ports.js';
import type { Wallet } from './wallet/wallet.js';
import type { WorkerDirectory } from './ask/worker-directory.js';

export interface LinkDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly directory: WorkerDirectory;
  /** Proof of the account behind this client's key; undefined asks as the key itself. */
  readonly hello: HelloMessage | undefined;
  /** That account's wallet; undefined asks without orders. */
  readonly wallet: Wallet | undefined;
}

const partsOfAnswer: readonly string[] = ['inference_token', 'inference_result', 'inference_error'];

/** @param gone called once the place of this link is free again */
export function createLink(deps: LinkDeps, connection: Connection, gone: () => void): AnyActorLogic {
  return linkMachine.provide({
    actors: { connection: createConnection(deps, connection, gone) },
    actions: { endConnection: () => connection.end() },
  });
}

function createConnection(
  { clock, log, directory, hello, wallet }: LinkDeps,
  connection: Connection,
  gone: () => void,
) {
  const worker = connection.remoteKey;
  return guardedCallback(({ sendBack, guard, defer }) => {
    directory.connect(connection);
    defer(() => {
      directory.disconnect(worker, connection);
      wallet?.disconnected(connection);
      gone();
    });
    if (hello !== undefined) connection.write(encodeFrame(hello));
    wallet?.connected(connection);

    /** The asker may be gone, but the worker did the work. */
    const takeResult = (message: InferenceResultMessage): void => {
      const sink = directory.answering(worker, message.id);
      if (sink === undefined) wallet?.settle(worker, message);
      else sink.result(message, () => wallet?.settle(worker, message));
      wallet?.failed(worker, message.id); // not settled: it differs from what was received
    };

    const take = (message: InferenceMessage): void => {
      switch (message.type) {
        case 'status':
          sendBack({ type: 'connection.greeted' });
          return directory.heard(worker, { ...message, workerId: worker }); // the handshake is authoritative
        case 'queue_status':
          return directory.answering(worker, message.id)?.position(message);
        case 'inference_token':
          wallet?.heard(worker, message.id, message.text);
          return directory.answering(worker, message.id)?.token(message);
        case 'inference_result':
          return takeResult(message);
        case 'inference_error':
          wallet?.failed(worker, message.id);
          return directory.answering(worker, message.id)?.error(message);
        default: // a client's own messages make no sense from a worker
      }
    };
    /** An unreadable end still ends the request: nothing follows it. */
    const drop = (outcome: Exclude<DecodeOutcome, { kind: 'message' }>): void => {
      log.debug('frame.dropped', { worker, ...outcome });
      if (outcome.kind === 'invalid' && outcome.id !== undefined && partsOfAnswer.includes(outcome.type))
        directory.answering(worker, outcome.id)?.unreadable(outcome.message);
    };
    defer(
      listenToFrames(connection, clock, {
        decode: decodeMessage,
        bytes: guard(() => directory.spoke(worker)),
        frame: guard((outcome) => {
          if (outcome.kind === 'message') take(outcome.message);
          else drop(outcome);
        }),
        refused: guard((reason) => log.warn('frame.refused', { worker, reason })),
        closed: guard(() => sendBack({ type: 'connection.closed' })),
      }),
    );
  });
}
