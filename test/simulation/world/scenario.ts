/** A random course of events on a mesh, from a seed: what happens, when, and to whom. */
import type { SimRequest } from './sim-client.js';
import { calm, type SimWorker } from './sim-worker.js';
import type { World } from './world.js';
import type { AskRequest } from '../../../src/actors/ask.actor.js';
import type { MachineSample } from '../../../src/actors/worker/worker-ports.js';
import { tiers } from '../../../src/rules/tiers.js';
import type { ClientCore } from '../../../src/client/core.js';
import { lies, type Lie } from './lies.js';

export interface Course {
  readonly requests: readonly SimRequest[];
  /** What happened, for a person replaying a seed. */
  readonly log: readonly string[];
}

/** Guests may ask so rarely that little would happen. */
const earned = tiers.filter((tier) => tier !== 'guest');

/** How long events go on. After that faults end, and everything must come to rest. */
const eventfulMs = 7_000;
/** Long enough for a broken stream to be noticed, and every deadline to pass. */
const restMs = 300_000;
/** No request takes this long in any state; one that does is stuck. */
export const farDeadlineMs = 240_000;
/** Then time for the last timers to fire. */
const settleMs = 5_000;

/** @param look called after every event */
export function playCourse(world: World, look: () => void = () => {}): Course {
  const { random, clock } = world;
  const chance = (of: number): boolean => random.next() < of;
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random.next() * items.length)];
  const between = (min: number, max: number): number => min + Math.floor(random.next() * (max - min + 1));
  const requests: SimRequest[] = [];
  const log: string[] = [];
  const note = (what: string): void => void log.push(`${clock.monotonicMs().toFixed(0)} ${what}`);

  const { workers, clients } = populate(world, chance, pick, between);
  for (const { name, lie, deps } of workers) note(`${name} has ${deps.models.join(', ')}${lie ? ` and ${lie}` : ''}`);

  const ask = (): void => {
    const client = pick(clients);
    if (client === undefined) return;
    const model = pick(['counter', 'evens', undefined, undefined]);
    const request: AskRequest = {
      prompt: `count from ${between(0, 500)}${' '.repeat(between(0, 300))}`,
      options: { maxTokens: between(1, 40) },
      deadlineMs: chance(0.1) ? between(20, 4_000) : farDeadlineMs,
      ...(model && { model }),
    };
    requests.push(world.ask(client, request));
  };
  const killEngine = (): void => {
    const worker = pick(workers);
    // Three deaths in a row quarantine the model, which has its own test.
    if (worker === undefined || worker.engines.deaths >= 2) return;
    pick(worker.engines.processes)?.die();
  };
  const burden = (): void => {
    const worker = pick(workers);
    if (worker !== undefined) worker.burden = pick(burdens) ?? calm;
  };
  const crash = (): void => {
    const [worker, name] = [pick(workers), pick(crashable)];
    if (worker === undefined || name === undefined) return;
    note(`crash ${worker.name} ${name}`);
    worker.crash(name);
  };

  const deeds: readonly (readonly [weight: number, name: string, act: () => void])[] = [
    [10, 'ask', ask],
    [0.7, 'many ask', () => Array.from({ length: between(2, 10) }, ask)],
    [2, 'cancel', () => pick(requests)?.cancel()],
    [1, 'engine dies', killEngine],
    [1, 'connections break', () => world.network.breakConnections(pick(workers)?.name ?? '')],
    [1, 'partition', () => world.network.partition(pick(workers)?.name ?? '', `client-${between(1, 6)}`)],
    [1, 'heal', () => world.network.heal()],
    [1, 'freeze', () => pick(workers)?.freeze(between(200, 6_000))],
    [1, 'pause', () => pick(workers)?.say({ do: 'pause', forMs: between(100, eventfulMs) })],
    [1, 'resume', () => pick(workers)?.say({ do: 'resume' })],
    [0.5, 'sleep', () => world.sleep(between(100, 20_000))],
    [2, 'burden', burden],
    [1, 'crash', crash],
  ];
  const total = deeds.reduce((sum, [weight]) => sum + weight, 0);
  const act = (): void => {
    let at = random.next() * total;
    for (const [weight, name, deed] of deeds) {
      at -= weight;
      if (at >= 0) continue;
      note(name);
      return deed();
    }
  };

  while (clock.monotonicMs() < eventfulMs) {
    clock.advance(between(0, 400));
    look();
    act();
    look();
  }
  world.network.heal();
  for (const worker of workers) worker.burden = calm;
  note('calm');
  clock.runUntil(() => requests.every(({ ends }) => ends > 0), restMs);
  // A worker left by its client midway may not know it yet.
  clock.runUntil(() => workers.every(({ engines }) => engines.processes.every(({ runs }) => runs === 0)), restMs);
  clock.runUntil(() => workers.every((worker) => !worker.clock.isFrozen), restMs);
  clock.advance(settleMs);
  return { requests, log };
}

/**
 * One to three honest workers and sometimes a liar, of any speed, with one or both of two models; and their clients.
 */
function populate(
  world: World,
  chance: (of: number) => boolean,
  pick: <T>(items: readonly T[]) => T | undefined,
  between: (min: number, max: number) => number,
): { readonly workers: readonly SimWorker[]; readonly clients: readonly ClientCore[] } {
  const worker = (lie?: Lie): SimWorker =>
    world.startWorker({
      slots: between(1, 3),
      queueCapacity: between(1, 10),
      slowness: chance(0.5) ? 1 : 20 ** world.random.next(),
      models: pick(offers) ?? ['counter'],
      burden: chance(0.2) ? (pick(burdens) ?? calm) : calm,
      lie,
    });
  const workers: SimWorker[] = [];
  const isLed = chance(0.4);
  for (let i = isLed && chance(0.1) ? 0 : between(1, 3); i > 0; i--) workers.push(worker());
  if (isLed) workers.push(worker(pick(Object.keys(lies) as Lie[])));
  const clients: ClientCore[] = [];
  for (let i = between(1, 3); i > 0; i--) clients.push(world.startClient(pick(earned)));
  if (chance(0.5)) clients.push(world.startClient(pick(earned), pick(workers)?.name));
  if (chance(0.2)) clients.push(world.startClient('guest'));
  if (chance(0.3)) clients.push(world.startOrderer(pick(balances) ?? 0));
  return { workers, clients };
}

/** Balances of clients that order: from a few requests' worth to more than they can ask. */
const balances = [40_000, 200_000, 20_000_000];

const offers = [['counter'], ['counter'], ['counter'], ['evens'], ['counter', 'evens'], ['evens', 'counter']] as const;

/** Loads by other programs: from light use to none left, and a battery that runs out. */
const burdens: readonly MachineSample[] = [
  calm,
  { cpu: 60, memory: 40, load: 30, busyShare: 0.6 },
  { cpu: 90, memory: 50, load: 80, busyShare: 0.9 },
  { cpu: 100, memory: 80, load: 100, busyShare: 1 },
  { cpu: 100, memory: 100, load: 100, busyShare: 1, battery: { percent: 5, isDischarging: true } },
];

/** Actors of a worker that may fail at any time without failing its clients for long. */
const crashable = [
  'scheduler',
  'status',
  'health',
  'duty',
  'control',
  'engine.0',
  'slot.0.0',
  'model.0',
  'topic.inference',
  'dht',
  'peers',
  'peer.0',
  'inference.0',
  'slots.0',
  'networks',
] as const;
