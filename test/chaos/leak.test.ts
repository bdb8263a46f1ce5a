/**
 * Ten thousand short requests through a simulated mesh, with cancels, refusals, broken connections and dying engines among
 * them: memory does not grow with their number, and nothing is kept of any of them. About 20 s.
 */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { lengthOf, type Queue, type Waiting } from '../../src/rules/queue.js';
import { countFrom } from '../simulation/world/sim-engine.js';
import type { SimRequest } from '../simulation/world/sim-client.js';
import { World } from '../simulation/world/world.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapMb = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6;
};

const requests = 10_000;
/** Stored results and XState's own caches are full by then. */
const warmUp = 3_000;
const atOnce = 6;

it('leave nothing behind', async () => {
  const world = new World(10_000);
  const worker = world.startWorker({ slots: 3, queueCapacity: 10 });
  const clients = [world.startClient(), world.startClient()];
  const { random, clock } = world;
  const keys = new Set<string>();
  const { transcripts } = worker.deps;
  const begin = transcripts.begin.bind(transcripts);
  transcripts.begin = (key, request) => {
    if (keys.size < 1_000) keys.add(key);
    begin(key, request);
  };

  let timersAtRest = 0;
  let warmMb = 0;
  let unfinished: SimRequest[] = [];
  const settle = async (): Promise<void> => {
    await setImmediate(); // what a platform keeps until the loop turns is no leak
    expect(clock.runUntil(() => unfinished.every(({ ends }) => ends === 1), 60_000)).toBe(true);
    for (const { request, text, cancelled, failure } of unfinished) {
      const whole = countFrom(Number(/\d+/.exec(request.prompt ?? '')?.[0]), 3);
      if (request.model !== undefined) expect(failure?.code).toBe('no_worker');
      else if (cancelled) expect(whole.startsWith(text)).toBe(true);
      else expect([failure, text]).toEqual([undefined, whole]);
    }
    unfinished = [];
  };

  for (let i = 0; i < requests; i++) {
    const strange = i % 100 === 7;
    const request = world.ask(clients[i % 2] as (typeof clients)[0], {
      prompt: `count from ${i % 900}`,
      options: { maxTokens: 3 },
      ...(strange ? { model: 'nobody has this', patienceMs: 200 } : {}),
    });
    unfinished.push(request);
    if (i % 10 === 0) {
      clock.advance(random.next() * 100);
      if (request.ends === 0) request.cancel();
    }
    if (i % 500 === 0) world.network.breakConnections(worker.name);
    if (i % 700 === 0) worker.engines.processes[0]?.die();
    if (unfinished.length >= atOnce) await settle();
    if (i === warmUp) {
      await settle();
      clock.advance(120_000);
      timersAtRest = clock.pending;
      warmMb = heapMb();
    }
  }
  await settle();
  clock.advance(120_000); // stored results are over, and every time limit has passed
  const grownMb = heapMb() - warmMb;
  expect(grownMb).toBeLessThan(3);

  expect(clock.pending).toBeLessThan(timersAtRest + 5); // a few come and go by themselves; one a request would be thousands
  expect(worker.deps.outboxes.size).toBe(clients.length);
  expect(keys.size).toBe(1_000);
  for (const key of keys) expect(transcripts.hasSaid(key, '')).toBe(false);
  for (const { directory } of clients) expect(directory.candidates()).toMatchObject([{ inFlight: 0 }]);
  const scheduler = worker.tree.system.get('scheduler')?.getSnapshot() as {
    context: { running: ReadonlyMap<string, unknown>; queue: Queue<Waiting> };
  };
  const { running, queue } = scheduler.context;
  expect([running.size, lengthOf(queue)]).toEqual([0, 0]);
  expect(worker.deps.board.message()).toMatchObject({ slots: { total: 3, busy: 0 }, queue: { length: 0 } });
  expect(world.escalations).toEqual([]);
});
