import { expect, it } from 'vitest';
import { countFrom } from './world/sim-engine.js';
import { World } from './world/world.js';

it('answers one prompt over the whole chain', () => {
  const world = new World(1);
  world.startWorker();
  const client = world.startClient();
  const asked = world.ask(client, { prompt: 'count from 5', options: { maxTokens: 8 } });
  world.clock.runUntil(() => asked.ends > 0, 20_000);
  expect(asked).toMatchObject({ ends: 1, failure: undefined, text: countFrom(5, 8) });
  expect(world.escalations).toEqual([]);
});
