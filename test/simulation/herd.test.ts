/** Many clients with the same old view of the mesh do not all run to the same worker. */
import { expect, it } from 'vitest';
import { World } from './world/world.js';

const workers = 16;
const clients = 32;
/** Requests one worker gets, relative to an even share. */
const k = 2;

it('a stale status sends no worker more than twice its share', { timeout: 60_000 }, () => {
  const world = new World(1);
  // Each worker repeats its first status, that it is idle, for ever.
  for (let i = 0; i < workers; i++) world.startWorker({ lie: 'stale', queueCapacity: 100 });
  const asking = Array.from({ length: clients }, () => world.startClient());
  world.clock.advance(3_000);
  const requests = asking.flatMap((client, i) =>
    Array.from({ length: 8 }, () => world.ask(client, { prompt: `count from ${i}`, options: { maxTokens: 2 } })),
  );
  expect(world.clock.runUntil(() => requests.every(({ ends }) => ends > 0), 60_000)).toBe(true);
  const got = new Map(world.workers.map(({ id }) => [id, 0]));
  for (const { answer, failure } of requests) {
    expect(failure).toBeUndefined();
    const first = answer?.tries[0]?.worker ?? '';
    got.set(first, (got.get(first) ?? 0) + 1);
  }
  expect(got.size).toBe(workers);
  expect(Math.max(...got.values())).toBeLessThanOrEqual((k * requests.length) / workers);
  expect(world.escalations).toEqual([]);
});
