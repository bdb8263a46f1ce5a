/** The second half of the seeds of mesh.test.ts, in its own file so that both cores are used. */
import { it } from 'vitest';
import { checkCourses, seedsOf } from './courses.js';

it('every request ends exactly once, with exactly its own text', { timeout: 3_600_000 }, () => {
  checkCourses(seedsOf(1));
});
