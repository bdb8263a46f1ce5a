/**
 * Parent: the peers supervisor; temporary, one per connection. Receives frames; sends prompts and cancels to the
 * scheduler, and claims completed by an ack to the consensus actor. Everything sent to the peer is written through its
 * outbox.
 */
import type { AnyActorLogic } from 'xstate';
import { peerMachine } from '../machines/peer.machine.js';
import { decodeMessage, type DecodeOutcome } from '../protocol/decode.js';
import { inferenceError } from '../protocol/errors.js';
import { verifyHello } from '../protocol/hello.js';
import type { InferenceMessage, PromptMessage } from '../protocol/messages.js';
import { topicName } from '../protocol/topics.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import { tell } from '../runtime/tell.js';
import { listenToFrames } from './network/framed-connection.js';
import { names } from './names.js';
import type { Connection } from './ports.js';
import { LateAcks } from './worker/late-acks.js';
import type { WorkerDeps } from './worker/worker-ports.js';

/**
 * @param peer a unique name for this connection: actor names are recycled, but what is owed to one connection is not
 * owed to the next
 * @param gone called once the place of this peer is free again
 */
export function createPeer(deps: WorkerDeps, peer: string, connection: Connection, gone: () => void): AnyActorLogic {
  return peerMachine.provide({
    actors: { connection: createConnection(deps, peer, connection, gone) },
    actions: { endConnection: () => connection.end() },
  });
}

function createConnection(deps: WorkerDeps, peer: string, connection: Connection, gone: () => void) {
  return guardedCallback(({ system, self, sendBack, guard, defer }) => {
    const { clock, outboxes, board, conduct, tally, log } = deps;
    const owner = deps.identity.publicKeyHex;
    const network = topicName('inference', deps.networkPrefix);
    /** The client's account: the connection's own key, or the node that a hello proves. */
    let account = connection.remoteKey;
    let isFirst = true;

    outboxes.connect(peer, connection);
    defer(() => {
      outboxes.disconnect(peer);
      tell(system, names.scheduler, { type: 'peer.lost', peer }, self);
      gone();
    });

    outboxes.send(peer, board.message()); // before answering anything the peer says

    const refuseFrame = (outcome: Exclude<DecodeOutcome, { kind: 'message' }>): void => {
      if (outcome.kind === 'unknown_type') return;
      const { id } = outcome;
      if (id === undefined || (outcome.kind === 'invalid' && outcome.type !== 'prompt')) return drop(outcome);
      const why =
        outcome.kind === 'invalid'
          ? ({ code: 'bad_request', message: outcome.message } as const)
          : ({ code: 'unsupported_version', message: 'v: this worker speaks version 2' } as const);
      tally.refuse(why.code);
      outboxes.send(peer, inferenceError({ id, ...why }));
    };
    const drop = (what: object): void => {
      tally.dropFrame();
      log.debug('frame.dropped', { peer, ...what });
    };

    const admit = (account: string, prompt: PromptMessage, waitedMs: number): void => {
      const address = connection.remoteAddress;
      const event = { type: 'prompt.received', peer, account, address, prompt, waitedMs };
      if (tell(system, names.scheduler, event, self)) return;
      const message = 'The worker is recovering from a fault; ask again.';
      outboxes.send(peer, inferenceError({ id: prompt.id, code: 'internal', message }));
    };
    const lateAcks = new LateAcks({
      ...{ clock, peer, outboxes, desk: deps.desk, admit: guard(admit) },
      queueLength: () => board.queue.length,
    });
    defer(() => lateAcks.close());

    const take = (message: InferenceMessage): void => {
      switch (message.type) {
        case 'hello':
          if (!isFirst) return;
          if (verifyHello(message, { network, key: connection.remoteKey })) {
            account = message.node;
            if (account === owner) outboxes.keep(peer);
          } else {
            tally.dropFrame();
            log.warn('hello.refused', { peer, key: connection.remoteKey });
            conduct.strike(account, 'bad_signature'); // the connection's own key: anyone may name another's node
          }
          return;
        case 'prompt':
          return lateAcks.take(account, message);
        case 'cancel':
          lateAcks.goOn(message.id);
          tell(system, names.scheduler, { type: 'prompt.cancelled', peer, account, id: message.id }, self);
          return;
        case 'receipt_ack':
          deps.desk.acknowledge(account, message.ack, (claim) =>
            tell(system, names.consensus, { type: 'claim.made', claim }, self),
          );
          return;
        default: // messages that only workers send
          drop({ type: message.type });
      }
    };

    defer(
      listenToFrames(connection, clock, {
        decode: decodeMessage,
        frame: guard((outcome: DecodeOutcome) => {
          if (outcome.kind === 'message') take(outcome.message);
          else refuseFrame(outcome);
          if (isFirst) sendBack({ type: 'connection.frame' });
          isFirst = false;
        }),
        refused: guard((reason: string) => {
          log.warn('frame.refused', { peer, key: connection.remoteKey, reason });
          conduct.strike(account, 'malformed_frame');
        }),
        flooded: guard(() => log.warn('peer.flooded', { peer, key: connection.remoteKey })),
        closed: guard(() => sendBack({ type: 'connection.closed' })),
        isPaced: () => account !== owner,
      }),
    );
  });
}
