/**
 * Parent: topics (one-for-one); permanent. Joins one topic with the DHT node from the dht actor, and hands each new
 * connection to its future owner. Asks for the node with `dht.get`; receives `dht.here`.
 */
import type { NoiseStream } from 'hyperswarm';
import type { AnyActorLogic } from 'xstate';
import type { DhtHandle } from '../machines/dht.machine.js';
import {
  lookAroundDelayMs,
  refreshDelayMs,
  rejoining,
  topicMachine,
  type SwarmCommand,
} from '../machines/topic.machine.js';
import type { NetworkName } from '../protocol/topics.js';
import { backoffMs } from '../rules/backoff.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import type { Logger } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import { CountedConnection } from './network/counted-connection.js';
import type { Connection, Dht, TopicOptions } from './ports.js';

export interface TopicActorOptions extends TopicOptions {
  readonly network: NetworkName;
  readonly random: Random;
  readonly log: Logger;
  /** Takes over a connection: listens to it, or destroys it. `system` is where to tell others about it. */
  readonly onConnection: (connection: Connection, system: AnyActorSystem) => void;
  /**
   * If given, it receives every connection as a bare stream, if the network has streams; `onConnection` then gets none.
   */
  readonly onStream?: ((stream: NoiseStream) => void) | undefined;
}

export function createTopicActor(options: TopicActorOptions): AnyActorLogic {
  const { network, random, log } = options;
  /** Nodes that failed together must not return together: subtracts a random share of up to a fifth. */
  const jittered = (delayMs: number): number => delayMs * (1 - 0.2 * random.next());
  return topicMachine.provide({
    actors: { swarm: createSwarm(options) },
    actions: {
      askForDht: ({ system, self }) => tell(system, names.dht, { type: 'dht.get', from: names.topic(network) }, self),
      reportFailure: ({ event }) => {
        if (event.type === 'topic.failed') log.warn('topic.failed', { network, error: event.error });
      },
    },
    delays: {
      refreshMs: ({ context }) => jittered(refreshDelayMs(context.refreshes, options)),
      lookAroundMs: ({ context }) => jittered(lookAroundDelayMs(context.lookArounds, options)),
      backoffMs: ({ context }) => jittered(backoffMs(rejoining, context.failures)),
    },
  });
}

function createSwarm(options: TopicActorOptions) {
  return guardedCallback<DhtHandle | undefined, SwarmCommand>(
    ({ input, system, sendBack, receive, guard, defer, onWake }) => {
      const gone = guard(() => sendBack({ type: 'topic.disconnected' }));
      const { onStream } = options;
      const topic = (input as Dht).join(options, {
        connection: guard((connection) => {
          sendBack({ type: 'topic.connected', key: connection.remoteKey, isDialled: connection.initiator });
          options.onConnection(new CountedConnection(connection, gone), system);
        }),
        ...(onStream && {
          stream: guard((stream: NoiseStream) => {
            const key = Buffer.from(stream.remotePublicKey).toString('hex');
            sendBack({ type: 'topic.connected', key, isDialled: stream.isInitiator });
            stream.on('close', gone);
            onStream(stream);
          }),
        }),
        failed: guard((error) => sendBack({ type: 'topic.failed', error })),
        closed: guard(() => sendBack({ type: 'topic.closed' })),
      });
      defer(() => topic.close());
      onWake((awayMs) => sendBack({ type: 'machine.woke', awayMs }));
      receive((command) => {
        if (command.type === 'swarm.close') {
          topic.close();
          return;
        }
        topic.refresh();
        for (const key of command.dial) topic.dial(key);
      });
    },
  );
}
