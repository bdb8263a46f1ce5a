/**
 * The whole mesh, simulated: every course of events ends well. A failed seed replays exactly:
 * `QMESH_SEED=<seed> npm run test:simulation`. About half a minute; the seeds are shared with mesh-more.test.ts.
 */
import { expect, it } from 'vitest';
import { isSoak } from '../support/soak.js';
import { checkCourses, seedsOf } from './courses.js';
import { playCourse } from './world/scenario.js';
import { World } from './world/world.js';

it('every request ends exactly once, with exactly its own text', { timeout: 3_600_000 }, () => {
  checkCourses(seedsOf(0));
});

it('a seed replays exactly', () => {
  for (let seed = 1; seed <= (isSoak ? 100 : 8); seed++) {
    const trace = (): string => {
      const world = new World(seed, true);
      playCourse(world);
      return world.trace();
    };
    expect(trace()).toBe(trace());
  }
});
