/** Where worker and owner meet. What passes there is seen with real processes in test/integration/owner.test.ts. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { controlPlace } from '../../../../src/actors/control/place.js';

it.each(['short', 'long '.repeat(20)])('is the same by a link as by the home itself: a %s one', (name) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'qmesh-place-')));
  const [home, link] = [join(folder, name), join(folder, 'link')];
  mkdirSync(home);
  symlinkSync(home, link);
  expect(controlPlace({ path: link })).toEqual(controlPlace({ path: home }));
  rmSync(folder, { recursive: true });
});
