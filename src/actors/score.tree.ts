/**
 * The score network's part of a tree, the same for a worker and for a client that looks up points: connections, topic,
 * consensus.
 */
import { keyPairFromSeed, type KeyPair } from '../protocol/keys.js';
import { networkSeed, topicKey, topicName } from '../protocol/topics.js';
import type { ValidatorPolicy } from '../rules/quorum.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';
import type { ChildSpec } from '../runtime/supervision.js';
import type { Conduct } from './conduct/conduct.js';
import { createConsensus, type ConsensusDeps } from './consensus.actor.js';
import type { Ledger } from './scores/ledger.js';
import { names } from './names.js';
import { Places, spareConnections } from './places.js';
import type { Connection } from './ports.js';
import { createScorePeer, type ScorePeerDeps } from './score-peer.actor.js';
import { Bans } from './scores/bans.js';
import type { ScoreChecks } from './scores/checks.js';
import { ScorePeers } from './scores/score-peers.js';
import { Validators } from './scores/validators.js';
import { createTopicActor } from './topic.actor.js';

/** What a node needs to take part in the score network. */
export interface ScoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly identity: KeyPair;
  readonly ledger: Ledger;
  readonly policy: ValidatorPolicy;
  readonly networkPrefix: string;
  readonly maxConnections: number;
  readonly scoreRole: 'worker' | 'client';
  /**
   * Seed of the key pair for this node's score connections: a worker derives it from its own seed, a client uses a
   * fresh one.
   */
  readonly scoreKeySeed: Uint8Array;
  readonly checks: ScoreChecks;
  /** Given if others also need to know who is banned. */
  readonly bans?: Bans;
  /** Absent in a client, which holds nothing against anybody. */
  readonly conduct?: Pick<Conduct, 'strike' | 'isBanned'>;
}

export interface ScoreDeps extends ConsensusDeps, ScorePeerDeps {
  readonly random: Random;
  readonly maxConnections: number;
  readonly scoreKeySeed: Uint8Array;
}

/** Creates the state that lives outside the actors, once. */
export function scoreDeps({ policy, conduct, ...options }: ScoreOptions): ScoreDeps {
  const { clock, identity, scoreRole, scoreKeySeed } = options;
  const scorePeers = new ScorePeers();
  const own = scoreRole === 'worker' ? identity.publicKeyHex : undefined;
  const validators = new Validators({ policy, own, peers: scorePeers, clock });
  return {
    bans: new Bans(clock),
    ...options,
    scorePeers,
    validators,
    scoreKey: keyPairFromSeed(scoreKeySeed).publicKeyHex,
    refusesNode: (node) => conduct?.isBanned(node) ?? false,
    faulted: (node, what) => conduct?.strike(node, what),
    isTrusted: (node) => validators.isNamed(node),
  };
}

const flushMs = 2_000;

/** A worker's key pair on the score network follows from its seed, so that other workers recognise it. */
export const scoreKeySeedOf = (seed: Uint8Array, networkPrefix: string): Uint8Array =>
  networkSeed(seed, topicName('scores', networkPrefix));

export const consensus = (deps: ConsensusDeps): ChildSpec => ({
  id: names.consensus,
  logic: createConsensus(deps),
  shutdownMs: flushMs,
});

/** The supervisor of the connections. */
export const scorePeers = ({ maxConnections }: ScoreDeps): ChildSpec => ({
  id: names.scorePeers,
  strategy: 'one-for-one',
  children: [],
  maxChildren: maxConnections + spareConnections,
});

export const scoreTopic = (deps: ScoreDeps): ChildSpec => ({
  id: names.topic('scores'),
  logic: createTopicActor({
    network: 'scores',
    random: deps.random,
    log: deps.log,
    topic: topicKey(topicName('scores', deps.networkPrefix)),
    keySeed: deps.scoreKeySeed,
    server: deps.scoreRole === 'worker',
    client: true,
    maxConnections: deps.maxConnections + spareConnections,
    onConnection: acceptScorePeers(deps),
  }),
  shutdownMs: flushMs,
});

/** Each connection gets its own actor. If all places are taken, a client's connection makes room. */
function acceptScorePeers(deps: ScoreDeps): (connection: Connection, system: AnyActorSystem) => void {
  const places = new Places(names.scorePeers, names.scorePeer, deps.maxConnections + spareConnections);
  let accepted = 0;
  return (connection, system) => {
    if (deps.scorePeers.size >= deps.maxConnections) deps.scorePeers.makeRoom();
    if (deps.scorePeers.size >= deps.maxConnections) return connection.destroy();
    const peer = places.start(system, (name, gone) => ({
      logic: createScorePeer(deps, `${name}/${++accepted}`, connection, gone),
      shutdownMs: flushMs,
    }));
    if (peer === undefined) connection.destroy();
  };
}
