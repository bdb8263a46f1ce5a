/**
 * A client's supervision tree: the network at the bottom, a link per worker, an actor per request. It stops in reverse
 * order, so that links flush and close before the topic cuts whatever is left.
 */
import { topicKey, topicName } from '../protocol/topics.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import type { ChildSpec, SupervisorSpec } from '../runtime/supervision.js';
import { tell } from '../runtime/tell.js';
import { createAsk, askInput, type AskCallbacks, type AskDeps, type ClientRequest } from './ask.actor.js';
import { createDhtActor, type DhtInfo } from './dht.actor.js';
import { createLink, type LinkDeps } from './link.actor.js';
import { names } from './names.js';
import { Places } from './places.js';
import type { Connection, NetworkPort } from './ports.js';
import { createTopicActor } from './topic.actor.js';

export interface ClientDeps extends AskDeps, LinkDeps {
  readonly network: NetworkPort;
  readonly networkPrefix: string;
  /** Seed of the fresh key pair this process dials with. */
  readonly keySeed: Uint8Array;
  readonly maxConnections: number;
  readonly maxRequests: number;
  readonly onDhtReady: (info: DhtInfo) => void;
  readonly onDhtFailed: (error: Error) => void;
  /** Its part in the score network, if any. No request waits for it. */
  readonly scores: readonly ChildSpec[];
}

const flushMs = 2_000;

export function clientTree(deps: ClientDeps, accept: AcceptLink): SupervisorSpec {
  const name = topicName('inference', deps.networkPrefix);
  return {
    id: 'root',
    strategy: 'rest-for-one',
    children: [
      {
        id: names.dht,
        logic: createDhtActor({
          ...deps,
          topics: [names.topic('inference'), ...(deps.scores.length > 0 ? [names.topic('scores')] : [])],
          ready: deps.onDhtReady,
          failed: deps.onDhtFailed,
        }),
        shutdownMs: flushMs,
      },
      {
        id: names.topic('inference'),
        logic: createTopicActor({
          network: 'inference',
          random: deps.random,
          log: deps.log,
          topic: topicKey(name),
          keySeed: deps.keySeed,
          server: false,
          client: true,
          maxConnections: deps.maxConnections,
          onConnection: accept,
        }),
        shutdownMs: flushMs,
      },
      { id: names.links, strategy: 'one-for-one', children: [], maxChildren: deps.maxConnections },
      { id: names.asks, strategy: 'one-for-one', children: [], maxChildren: deps.maxRequests },
      { id: 'scores', strategy: 'rest-for-one', restart: 'temporary', children: deps.scores },
    ],
  };
}

export type AcceptLink = (connection: Connection, system: AnyActorSystem) => void;

/** Each connection to a worker gets its own actor. */
export function acceptLinks(deps: ClientDeps): AcceptLink {
  const places = new Places(names.links, names.link, deps.maxConnections);
  return (connection, system) => {
    const link = places.start(system, (_, gone) => ({
      logic: createLink(deps, connection, gone),
      shutdownMs: flushMs,
    }));
    if (link === undefined) connection.destroy();
  };
}

/** Starts requests in a running client tree. */
export class Asks {
  readonly #deps: ClientDeps;
  readonly #places: Places;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
    this.#places = new Places(names.asks, names.ask, deps.maxRequests);
  }

  /** @returns a function that cancels it; undefined if too many requests are unfinished, or the client is closing */
  start(system: AnyActorSystem, request: ClientRequest, on: AskCallbacks): (() => void) | undefined {
    let isOver = false;
    const ask = this.#places.start(system, (_, gone) => ({
      logic: createAsk(this.#deps, request, on, () => {
        isOver = true;
        gone();
      }),
      input: askInput(this.#deps, request),
    }));
    if (ask === undefined) return undefined;
    return () => {
      if (!isOver) tell(system, ask, { type: 'ask.cancel' });
    };
  }
}
