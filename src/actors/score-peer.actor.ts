/**
 * Parent: the score peers' supervisor; temporary, one per connection on the score network. Sends a hello, and passes
 * what the peer sends after its own hello to consensus, with the name of this connection: `score.opened`,
 * `score.heard`, `score.closed`.
 */
import type { AnyActorLogic } from 'xstate';
import { scorePeerMachine } from '../machines/score-peer.machine.js';
import { decodeScoreMessage, type DecodeOutcome } from '../protocol/decode.js';
import { encodeFrame } from '../protocol/frame.js';
import { createHello, verifyHello } from '../protocol/hello.js';
import type { KeyPair } from '../protocol/keys.js';
import type { HelloMessage } from '../protocol/messages.js';
import type { ScoreMessage } from '../protocol/score-messages.js';
import { topicName } from '../protocol/topics.js';
import type { StrikeKind } from '../rules/strikes.js';
import type { Clock } from '../runtime/clock.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { Logger } from '../runtime/log.js';
import { tell } from '../runtime/tell.js';
import { listenToFrames } from './network/framed-connection.js';
import { names } from './names.js';
import type { Connection } from './ports.js';
import type { ScorePeers } from './scores/score-peers.js';

export interface ScorePeerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly scorePeers: ScorePeers;
  readonly networkPrefix: string;
  readonly identity: KeyPair;
  /** `client`: this node looks things up and attests nothing. */
  readonly scoreRole: 'worker' | 'client';
  /** The key of this node's end of every score connection, hex. */
  readonly scoreKey: string;
  /** Whether this node refuses to listen to that one because of its conduct. */
  readonly refusesNode: (node: string) => boolean;
  /** It sent something that no honest node sends. */
  readonly faulted: (node: string, what: StrikeKind) => void;
  /** Named validators are read without a limit. */
  readonly isTrusted: (node: string) => boolean;
}

/**
 * @param peer a unique name for this connection
 * @param gone called once the place of this peer is free again
 */
export function createScorePeer(
  deps: ScorePeerDeps,
  peer: string,
  connection: Connection,
  gone: () => void,
): AnyActorLogic {
  return scorePeerMachine.provide({
    actors: { connection: createConnection(deps, peer, connection, gone) },
    actions: { endConnection: () => connection.end() },
  });
}

function createConnection(deps: ScorePeerDeps, peer: string, connection: Connection, gone: () => void) {
  return guardedCallback(({ system, self, sendBack, guard, defer }) => {
    const { clock, log, scorePeers } = deps;
    const network = topicName('scores', deps.networkPrefix);
    let node: string | undefined;

    defer(() => {
      scorePeers.close(peer);
      if (node !== undefined) tell(system, names.consensus, { type: 'score.closed', peer }, self);
      gone();
    });
    const role = deps.scoreRole === 'client' ? 'client' : undefined;
    connection.write(encodeFrame(createHello({ network, key: deps.scoreKey }, deps.identity, role)));

    const refuse = (why: string): void => {
      log.debug('score.refused', { peer, key: connection.remoteKey, why });
      sendBack({ type: 'connection.refused' });
    };
    const greet = (hello: HelloMessage): void => {
      if (!verifyHello(hello, { network, key: connection.remoteKey })) return refuse('the hello proves nothing');
      if (deps.refusesNode(hello.node)) return refuse('banned');
      node = hello.node;
      scorePeers.open(peer, connection, node, hello.role !== 'client');
      sendBack({ type: 'connection.greeted' });
      tell(system, names.consensus, { type: 'score.opened', peer }, self);
    };
    const take = (message: ScoreMessage): void => {
      if (node === undefined) {
        if (message.type === 'hello') greet(message);
        else refuse('it spoke before its hello');
      } else if (message.type !== 'hello') {
        if (message.type === 'score_update') scorePeers.arrived(peer);
        scorePeers.heard(peer, message);
        tell(system, names.consensus, { type: 'score.heard', peer, message }, self);
      }
    };

    defer(
      listenToFrames(connection, clock, {
        decode: decodeScoreMessage,
        frame: guard((outcome: DecodeOutcome<ScoreMessage>) => {
          if (outcome.kind === 'message') {
            take(outcome.message);
            return;
          }
          if (node === undefined) {
            refuse('it spoke before its hello');
            return;
          }
          if (outcome.kind !== 'unknown_type') log.debug('frame.dropped', { peer, ...outcome });
        }),
        refused: guard((reason: string) => {
          log.warn('frame.refused', { peer, key: connection.remoteKey, reason });
          // An incomplete frame may be a cut cable: it ends the connection, but is nobody's fault.
          if (node !== undefined && reason !== 'incomplete') deps.faulted(node, 'malformed_frame');
        }),
        flooded: guard(() => log.warn('peer.flooded', { peer, key: connection.remoteKey })),
        closed: guard(() => sendBack({ type: 'connection.closed' })),
        isPaced: () => !scorePeers.isAwaited(peer) && (node === undefined || !deps.isTrusted(node)),
      }),
    );
  });
}
