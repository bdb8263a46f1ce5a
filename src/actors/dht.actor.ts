/**
 * Parent: networks (rest-for-one, its first child); permanent. Opens the DHT node, hands it to topics that ask for it,
 * and closes it however this actor ends.
 */
import type { AnyActorLogic } from 'xstate';
import { dhtMachine, type DhtNodeCommand } from '../machines/dht.machine.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { Logger } from '../runtime/log.js';
import { tell } from '../runtime/tell.js';
import type { Dht, DhtEvents, NetworkPort } from './ports.js';

export type DhtInfo = Parameters<DhtEvents['ready']>[0];

export interface DhtActorOptions {
  readonly network: NetworkPort;
  /** Names of the actors to tell when the node is ready. */
  readonly topics: readonly string[];
  readonly log: Logger;
  /** The node is usable. Called again after each restart. */
  readonly ready?: (info: DhtInfo) => void;
  /** Opening the node failed, or it failed later. The message says what to do. */
  readonly failed?: (error: Error) => void;
}

export function createDhtActor({ network, topics, log, ready, failed }: DhtActorOptions): AnyActorLogic {
  return dhtMachine.provide({
    actors: { node: createNode(network) },
    actions: {
      announce: ({ context: { dht }, system, self }) => {
        for (const topic of topics) tell(system, topic, { type: 'dht.here', dht }, self);
      },
      answer: ({ context: { dht }, event, system, self }) => {
        if (event.type === 'dht.get') tell(system, event.from, { type: 'dht.here', dht }, self);
      },
      reportReady: ({ event }) => {
        if (event.type !== 'dht.ready') return;
        const { bootstrap, holdsLocal } = event;
        log.info('dht.ready', { bootstrap, holdsLocal });
        ready?.({ bootstrap, holdsLocal });
      },
      reportFailure: ({ context: { error, tries } }) => {
        log.warn('dht.failed', { error, tries });
        if (error) failed?.(error);
      },
    },
  });
}

function createNode(network: NetworkPort) {
  return guardedCallback<undefined, DhtNodeCommand>(({ sendBack, receive, guard, defer }) => {
    const opened: { dht?: Dht; info?: DhtInfo } = {};
    const report = (): void => {
      if (opened.dht && opened.info) sendBack({ type: 'dht.ready', dht: opened.dht, ...opened.info });
    };
    const dht = network.open({
      ready: guard((info) => {
        opened.info = info;
        report();
      }),
      failed: guard((error) => sendBack({ type: 'dht.failed', error })),
      closed: guard(() => sendBack({ type: 'dht.closed' })),
    });
    defer(() => dht.close());
    receive(() => dht.close());
    opened.dht = dht;
    report(); // a network may be ready before `open` returns
  });
}
