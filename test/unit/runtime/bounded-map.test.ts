import { expect, it } from 'vitest';
import { BoundedMap } from '../../../src/runtime/bounded-map.js';

it('a bounded map forgets what was set longest ago', () => {
  const map = new BoundedMap<string, number>(2).set('a', 1).set('b', 2).set('a', 3).set('c', 4);
  expect([...map]).toEqual([
    ['a', 3],
    ['c', 4],
  ]);
});
