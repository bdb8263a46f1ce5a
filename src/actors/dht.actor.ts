/**
 * Parent: networks (rest-for-one, first of its children); permanent. Opens the DHT node, hands it to the topics that ask for it, and closes
 * it however this actor ends.
 */
import type { AnyActorLogic } from 'xstate';
import { dhtMachine, type DhtNodeCommand } from '../machines/dht.machine.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { Logger } from '../runtime/log.js';
import { tell } from '../runtime/tell.js';
import type { Dht, DhtEvents, NetworkPort } from './ports.js';

export type DhtInfo = Parameters<DhtEvents['ready']>[0];

export interface DhtDeps {
  readonly network: NetworkPort;
  readonly log: Logger;
  /** The node is usable. Called again after each restart. */
  readonly dhtReady?: (info: DhtInfo) => void;
  /** A try to open the node failed, or it failed later. The message says what to do. */
  readonly dhtFailed?: (error: Error) => void;
}

export function createDht(deps: DhtDeps): AnyActorLogic {
  const { network, log } = deps;
  return dhtMachine.provide({
    actors: { node: createNode(network) },
    actions: {
      answer: ({ context: { dht, waiting }, system, self }) => {
        for (const name of waiting) tell(system, name, { type: 'dht.here', dht }, self);
      },
      reportReady: ({ event }) => {
        if (event.type !== 'dht.ready') return;
        const { bootstrap, holdsLocal } = event;
        log.info('dht.ready', { bootstrap, holdsLocal });
        deps.dhtReady?.({ bootstrap, holdsLocal });
      },
      reportFailure: ({ context: { error, tries } }) => {
        log.warn('dht.failed', { error, tries });
        if (error) deps.dhtFailed?.(error);
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
