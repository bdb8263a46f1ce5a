/**
 * A worker's supervision tree, as tables. Order matters: children start from the top and stop from the bottom, so that
 * on shutdown the scheduler drains first, while the connections and engines it needs are still up.
 */
import type { NoiseStream } from 'hyperswarm';
import type { Connection } from './ports.js';
import { networks as networkNames, networkSeed, topicKey, topicName, type NetworkName } from '../protocol/topics.js';
import { reservedSequences } from '../rules/slots.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import type { ChildSpec, SupervisorSpec } from '../runtime/supervision.js';
import { createAdmin } from './admin.actor.js';
import { createControl } from './control.actor.js';
import { createDhtActor } from './dht.actor.js';
import { createDuty, dutyInput } from './duty.actor.js';
import { createEngine } from './engine.actor.js';
import { createHealth, healthInput } from './health.actor.js';
import { createModel } from './model.actor.js';
import { names } from './names.js';
import { createPace, paceInput } from './pace.actor.js';
import { createPeer } from './peer.actor.js';
import { Places, spareConnections } from './places.js';
import { createResidency, residencyInput } from './residency.actor.js';
import { createScheduler, schedulerInput } from './scheduler.actor.js';
import { consensus, scorePeers, scoreTopic } from './score.tree.js';
import { createSlot } from './slot.actor.js';
import { createStatus } from './status.actor.js';
import { createTopicActor } from './topic.actor.js';
import { Turns } from './worker/turns.js';
import type { WorkerDeps } from './worker/worker-ports.js';

/** How long an engine may take to free its model. */
const engineStopMs = 6_000;
const flushMs = 2_000;
const dhtCloseMs = 3_000;
/** A trial loads a whole model, beside those being served. */
const maxTrialsAtOnce = 2;

export function workerTree(deps: WorkerDeps): SupervisorSpec {
  return {
    id: 'root',
    strategy: 'rest-for-one',
    children: [
      {
        id: 'services',
        strategy: 'one-for-one',
        children: [
          ...admin(deps),
          { id: names.control, logic: createControl(deps), shutdownMs: flushMs },
          models(deps),
          { id: names.duty, logic: createDuty(deps), input: dutyInput(deps), shutdownMs: flushMs },
          { id: names.health, logic: createHealth(deps), input: healthInput(deps), shutdownMs: flushMs },
          { id: names.residency, logic: createResidency(deps), input: residencyInput(deps), shutdownMs: flushMs },
          inference(deps),
          ...(deps.scores === undefined ? [] : [consensus(deps.scores)]),
          networks(deps),
          { id: names.status, logic: createStatus(deps), shutdownMs: flushMs },
          {
            id: names.scheduler,
            logic: createScheduler(deps),
            input: schedulerInput(deps),
            shutdownMs: deps.drainMs + flushMs,
          },
        ],
      },
    ],
  };
}

/** First, so that it shows the others starting; among them, so that its own failures affect nobody else. */
const admin = (deps: WorkerDeps): readonly ChildSpec[] =>
  deps.admin === undefined ? [] : [{ id: names.admin, logic: createAdmin(deps, deps.admin), shutdownMs: flushMs }];

function models(deps: WorkerDeps): SupervisorSpec {
  const trials = new Turns(maxTrialsAtOnce);
  return {
    id: names.models,
    strategy: 'one-for-one',
    children: deps.models.map((wanted, place) => ({
      id: names.model(place),
      logic: createModel(deps, place, trials),
      input: { wanted },
      shutdownMs: flushMs,
    })),
  };
}

/** One group per model: if an engine actor fails, its slots restart with it. */
const inference = (deps: WorkerDeps): SupervisorSpec => ({
  id: names.inference,
  strategy: 'one-for-one',
  children: deps.models.map((_, place) => ({
    id: names.engineGroup(place),
    strategy: 'rest-for-one',
    children: [
      { id: names.engine(place), logic: createEngine(deps, place), shutdownMs: engineStopMs },
      {
        id: names.slots(place),
        strategy: 'one-for-one',
        children: Array.from({ length: deps.slots + reservedSequences }, (_, slot) => ({
          id: names.slot(place, slot),
          logic: createSlot(place, slot, slot >= deps.slots),
          shutdownMs: flushMs,
        })),
      },
      { id: names.pace(place), logic: createPace(deps, place), input: paceInput(deps), shutdownMs: flushMs },
    ],
  })),
});

/**
 * The DHT is below all three topics, and connections are on top: losing the DHT restarts everything above it.
 * Connections stop first, each in order and flushed, since a closing topic cuts whatever is left.
 */
const networks = (deps: WorkerDeps): SupervisorSpec => ({
  id: names.networks,
  strategy: 'rest-for-one',
  children: [
    {
      id: names.dht,
      logic: createDhtActor({ ...deps, topics: topicNames, ready: deps.onDhtReady, failed: deps.onDhtFailed }),
      shutdownMs: dhtCloseMs,
    },
    {
      id: names.topics,
      strategy: 'one-for-one',
      children: [
        topic(deps, 'inference', acceptPeers(deps)),
        deps.scores === undefined ? topic(deps, 'scores', holdSilently) : scoreTopic(deps.scores),
        topic(deps, 'models', holdSilently, deps.modelsPort && ((stream) => deps.modelsPort?.attach(stream))),
      ],
    },
    {
      id: names.peers,
      strategy: 'one-for-one',
      children: [],
      maxChildren: deps.maxConnections + spareConnections,
    },
    ...(deps.scores === undefined ? [] : [scorePeers(deps.scores)]),
  ],
});

const topicNames = networkNames.map((network) => names.topic(network));

type OnConnection = (connection: Connection, system: AnyActorSystem) => void;

function topic(
  deps: WorkerDeps,
  network: NetworkName,
  onConnection: OnConnection,
  onStream?: (stream: NoiseStream) => void,
) {
  const name = topicName(network, deps.networkPrefix);
  return {
    id: names.topic(network),
    logic: createTopicActor({
      network,
      random: deps.random,
      log: deps.log,
      topic: topicKey(name),
      keySeed: network === 'inference' ? deps.seed : networkSeed(deps.seed, name),
      server: true,
      client: network !== 'inference',
      maxConnections: deps.maxConnections + spareConnections,
      onConnection,
      onStream,
    }),
    shutdownMs: flushMs,
  };
}

/** Each connection gets its own actor. If all places are taken, an idle one makes room. */
function acceptPeers(deps: WorkerDeps): OnConnection {
  const places = new Places(names.peers, names.peer, deps.maxConnections + spareConnections);
  let accepted = 0;
  return (connection, system) => {
    if (deps.outboxes.size >= deps.maxConnections) deps.outboxes.makeRoom();
    if (deps.outboxes.size >= deps.maxConnections) return connection.destroy();
    const peer = places.start(system, (name, gone) => ({
      logic: createPeer(deps, `${name}/${++accepted}`, connection, gone),
      shutdownMs: flushMs,
    }));
    if (peer === undefined) connection.destroy();
  };
}

/** Kept open, because two workers that close on each other would redial forever. */
const holdSilently: OnConnection = (connection) => connection.listen({ data: () => {}, closed: () => {} });
