/** A random course of events over a mesh, from a seed: what happens, when, and to whom. */
import type { SimRequest, SimWorker, World } from './world.js';
import { tiers } from '../../../src/rules/tiers.js';
import type { ClientCore } from '../../../src/client/core.js';

export interface Course {
  readonly requests: readonly SimRequest[];
  /** What happened, for a person who replays a seed. */
  readonly log: readonly string[];
}

/** Guests may ask so seldom that little would happen. */
const earned = tiers.filter((tier) => tier !== 'guest');

/** How long things happen. After it faults end, and everything must come to rest. */
const eventfulMs = 8_000;
/** Long enough for a broken stream to be noticed and every deadline to pass. */
const restMs = 120_000;
/** Then: the last timers of those that are done. */
const settleMs = 5_000;
const deadlineMs = 60_000;

/** @param look called after whatever happened */
export function playCourse(world: World, look: () => void = () => {}): Course {
  const { random, clock } = world;
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random.next() * items.length)];
  const between = (min: number, max: number): number => min + Math.floor(random.next() * (max - min + 1));
  const requests: SimRequest[] = [];
  const log: string[] = [];
  const note = (what: string): void => void log.push(`${clock.monotonicMs().toFixed(0)} ${what}`);

  const workers: SimWorker[] = [];
  for (let i = between(1, 3); i > 0; i--)
    workers.push(world.startWorker({ slots: between(1, 3), queueCapacity: between(1, 10) }));
  const clients: ClientCore[] = [];
  for (let i = between(1, 3); i > 0; i--) clients.push(world.startClient(pick(earned)));
  if (random.next() < 0.5) clients.push(world.startClient(pick(earned), pick(workers)?.name));

  const deeds: readonly (readonly [weight: number, name: string, act: () => void])[] = [
    [
      10,
      'ask',
      () => {
        const client = pick(clients);
        if (client === undefined) return;
        const request = {
          prompt: `count from ${between(0, 500)}${' '.repeat(between(0, 300))}`,
          options: { maxTokens: between(1, 40) },
          deadlineMs,
        };
        requests.push(world.ask(client, request));
      },
    ],
    [2, 'cancel', () => pick(requests)?.cancel()],
    [
      1,
      'engine dies',
      () => {
        const worker = pick(workers);
        // Three deaths in a row quarantine the model: that is a test of its own.
        if (worker === undefined || worker.engines.deaths >= 2) return;
        pick(worker.engines.processes)?.die();
      },
    ],
    [1, 'connections break', () => world.network.breakConnections(pick(workers)?.name ?? '')],
    [1, 'partition', () => world.network.partition(pick(workers)?.name ?? '', `client-${between(1, 6)}`)],
    [1, 'heal', () => world.network.heal()],
    [1, 'freeze', () => pick(workers)?.freeze(between(200, 6_000))],
    [1, 'pause', () => pick(workers)?.say({ do: 'pause', forMs: between(100, eventfulMs) })],
    [1, 'resume', () => pick(workers)?.say({ do: 'resume' })],
    [0.5, 'sleep', () => clock.sleep(between(100, 20_000))],
    [
      1,
      'crash',
      () => {
        const worker = pick(workers);
        const name = pick(crashable);
        if (worker === undefined || name === undefined) return;
        note(`crash ${worker.name} ${name}`);
        worker.crash(name);
      },
    ],
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
  note('calm');
  clock.runUntil(() => requests.every(({ ends }) => ends > 0), restMs);
  clock.advance(settleMs);
  return { requests, log };
}

/** Actors of a worker that may fail at any time without the worker failing its clients for long. */
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
