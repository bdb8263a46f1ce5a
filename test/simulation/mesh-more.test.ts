/** The second half of the seeds of mesh.test.ts, in a file of its own so that both cores play. */
import { it } from 'vitest';
import { checkCourses, seedsOf } from './courses.js';

it('every request ends exactly once, with exactly its own text', { timeout: 3_600_000 }, () => {
  checkCourses(seedsOf(1));
});
