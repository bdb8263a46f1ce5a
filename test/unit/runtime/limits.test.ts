import { expect, it } from 'vitest';
import { assertRelations } from '../../../src/runtime/limits.js';

it('relations between limits: all that do not hold are named', () => {
  expect(() => assertRelations([['a frame fits into a buffer', true]])).not.toThrow();
  expect(() =>
    assertRelations([
      ['frame (2) <= buffer (1)', false],
      ['fine', true],
      ['queue (9) <= table (8)', false],
    ]),
  ).toThrow('limits contradict each other: frame (2) <= buffer (1); queue (9) <= table (8)');
});
