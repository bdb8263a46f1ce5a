import { describe, expect, it } from 'vitest';
import { limitRelations, limits } from '../../../src/protocol/limits.js';

describe('limits', () => {
  it.each(limitRelations)('%s', (_, holds) => expect(holds).toBe(true));

  it('end in their unit, or count something', () => {
    const units = /(Bytes|Ms|Chars|Depth)$|^max[A-Z]/;
    expect(Object.keys(limits).filter((limit) => !units.test(limit))).toEqual([]);
  });

  it('cannot be changed by whoever imports them', () => expect(Object.isFrozen(limits)).toBe(true));
});
