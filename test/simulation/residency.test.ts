/**
 * A worker with more models than fit into its memory, on a virtual clock: all of them are served, whatever crashes
 * meanwhile.
 */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/runtime/random.js';
import { countFrom, stepOf } from './world/sim-engine.js';
import type { SimRequest } from './world/sim-client.js';
import { World } from './world/world.js';

const models = ['counter', 'evens', 'other-evens'];
const rounds = 40;
const said = (model = ''): string => countFrom(5, 20, stepOf(model));

function play(seed: number, faults: boolean): { world: World; requests: SimRequest[]; most: number } {
  const world = new World(seed, true);
  const random = seededRandom(seed);
  const worker = world.startWorker({ models, room: 2, slots: 1, queueCapacity: 60 });
  const client = world.startClient();
  world.clock.advance(5_000);
  const requests: SimRequest[] = [];
  let most = 0;
  for (let i = 0; i < rounds; i++) {
    const model = models[Math.floor(random.next() * models.length)]!;
    requests.push(
      world.ask(client, { prompt: 'count from 5', model, options: { maxTokens: 20 }, deadlineMs: 600_000 }),
    );
    if (faults && random.next() < 0.2)
      worker.crash(
        ['residency', 'engine.0', 'engine.1', 'scheduler', 'slot.2.0', 'model.1'][Math.floor(random.next() * 6)]!,
      );
    for (let ms = 0; ms < 3_000 * random.next(); ms += 50) {
      world.clock.advance(50);
      most = Math.max(most, worker.engines.processes.length);
    }
  }
  world.clock.advance(300_000);
  expect(worker.deps.board.models.map(({ name }) => name)).toEqual(models);
  return { world, requests, most };
}

describe('a worker with more models than memory', () => {
  it('answers requests for all of them, with no more loaded at a time than fit', () => {
    const { requests, most } = play(3, false);
    for (const { request, text, failure, ends } of requests) {
      expect(failure).toBeUndefined();
      expect(ends).toBe(1);
      expect(text).toBe(said(request.model));
    }
    expect(most).toBe(2);
    // a single worker: nobody was sent away for a model that had to be loaded first
    expect(requests.every(({ answer }) => answer?.tries.length === 1)).toBe(true);
  });

  it.each([1, 2, 3, 4, 5])(
    'ends every request once where its parts crash (seed %i), the same way each time',
    (seed) => {
      const first = play(seed, true);
      for (const { ends, answer, text, request } of first.requests) {
        expect(ends).toBe(1);
        if (answer !== undefined) expect(text).toBe(said(request.model));
      }
      expect(first.requests.filter(({ answer }) => answer !== undefined).length).toBeGreaterThan(rounds / 2);
      expect(first.world.escalations).toEqual([]);
      if (seed === 1) expect(play(seed, true).world.trace()).toBe(first.world.trace());
    },
  );
});
