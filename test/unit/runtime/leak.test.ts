/** XState remembers every event type, and with it every child id, for ever: this is why ids are recycled. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { setup, type AnyActorRef } from 'xstate';
import { guardedCallback } from '../../../src/runtime/guarded-callback.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { startTree } from '../../../src/runtime/start-tree.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

/** A machine and a callback each: 100,000 actors. */
const childCount = 50_000;
const atOnce = 8;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

it(`${childCount} short-lived children under recycled ids leave nothing behind`, () => {
  const clock = new VirtualClock();
  let alive = 0;
  let peak = 0;
  const presence = guardedCallback(({ after }) => {
    alive++;
    after(1_000, () => {});
    return () => alive--;
  });
  const request = setup({
    types: {},
    actors: { presence },
    actions: {
      crash: () => {
        throw new Error('crashed');
      },
    },
  }).createMachine({
    context: ({ input }) => input,
    invoke: { src: 'presence' },
    initial: 'running',
    states: { running: { on: { finish: 'done', crash: { actions: 'crash' } } }, done: { type: 'final' } },
  });
  const tree = startTree({ id: 'root', strategy: 'one-for-one', children: [] }, { clock, random: seededRandom(1) });

  const live = (count: number): void => {
    for (let n = 0; n < count; n += atOnce) {
      const ids = Array.from({ length: atOnce }, (_, index) => `request.${(n + index) % 64}`);
      for (const id of ids) {
        const spec = { id, logic: request, input: { text: `${n} `.repeat(20) }, restart: 'temporary' };
        tree.root.send({ type: 'sup.start', spec });
      }
      peak = Math.max(peak, alive);
      ids.forEach((id, index) => (tree.system.get(id) as AnyActorRef).send({ type: index === 0 ? 'crash' : 'finish' }));
    }
  };

  live(childCount / 10); // everything that is made once is made by now
  const before = heapBytes();
  live(childCount);
  const grownBytes = heapBytes() - before;
  expect([alive, peak, clock.pending]).toEqual([0, atOnce, 0]);
  expect(Object.keys(tree.system.getAll())).toEqual(['root']);
  expect(grownBytes / childCount).toBeLessThan(10); // kept ids alone would be some 300 bytes each
}, 60_000);
