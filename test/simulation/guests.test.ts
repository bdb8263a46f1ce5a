/** Guests at busy workers: they wait as told, do the required work, and are answered. */
import { expect, it } from 'vitest';
import { countFrom } from './world/sim-engine.js';
import type { SimRequest } from './world/sim-client.js';
import { World } from './world/world.js';

const wait = 12_000;

function askMany(world: World, client: ReturnType<World['startClient']>, times: number): SimRequest[] {
  return Array.from({ length: times }, (_, i) =>
    world.ask(client, { prompt: `count from ${i}`, options: { maxTokens: 5 }, deadlineMs: 120_000 }),
  );
}

function expectAnswered(requests: readonly SimRequest[]): void {
  for (const [i, { ends, failure, text }] of requests.entries())
    expect([ends, failure, text]).toEqual([1, undefined, countFrom(i, 5)]);
}

it('a guest that exceeds its rate limit is still answered in the end, at the rate of guests', () => {
  const world = new World(1);
  world.startWorker();
  const guest = world.startClient('guest');
  world.clock.advance(wait);
  const startMs = world.clock.monotonicMs();
  const requests = askMany(world, guest, 6);
  expect(world.clock.runUntil(() => requests.every(({ ends }) => ends > 0), 100_000)).toBe(true);
  expectAnswered(requests);
  expect(world.clock.monotonicMs() - startMs).toBeGreaterThan(4_000 * (6 - 2.5)); // two and a half at once, then one every 4 s
  expect(world.escalations).toEqual([]);
});

it('a busy worker requires one proof of work per request from guests, and none from clients with a tier', () => {
  const world = new World(2);
  const worker = world.startWorker({ burden: { cpu: 100, memory: 20, load: 100, busyShare: 1 } });
  const [guest, bronze] = [world.startClient('guest'), world.startClient('bronze')];
  world.clock.advance(wait);
  expect(worker.deps.board.health.state).toBe('moderate');
  const proofs = new Map<string, boolean[]>();
  const { conduct } = worker.deps;
  const gate = conduct.gate.bind(conduct);
  conduct.gate = (asking) => {
    const refusal = gate(asking);
    const made = proofs.get(asking.tier) ?? [];
    if (refusal === undefined) proofs.set(asking.tier, [...made, asking.prompt.work !== undefined]);
    return refusal;
  };
  const requests = [guest, bronze].map((client) => askMany(world, client, 3));
  expect(world.clock.runUntil(() => requests.flat().every(({ ends }) => ends > 0), 100_000)).toBe(true);
  for (const asked of requests) expectAnswered(asked);
  expect(proofs).toEqual(
    new Map([
      ['guest', [true, true, true]],
      ['bronze', [false, false, false]],
    ]),
  );
  expect(world.escalations).toEqual([]);
});
