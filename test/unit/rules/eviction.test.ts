import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { evictionRules, whoLeaves, type Seated } from '../../../src/rules/eviction.js';

const nowMs = 100_000;
const peer: fc.Arbitrary<Seated> = fc.record({
  address: fc.option(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), { nil: undefined }),
  isNeeded: fc.boolean(),
  idleSinceMs: fc.integer({ min: nowMs - 60_000, max: nowMs }),
});
const seated = fc.array(peer, { maxLength: 40, size: 'max' });
const mayLeave = ({ isNeeded, idleSinceMs }: Seated) => !isNeeded && nowMs - idleSinceMs >= evictionRules.minIdleMs;

it('never evicts a needed or new connection, and always another if there is one', () => {
  fc.assert(
    fc.property(seated, (all) => {
      const leaves = whoLeaves(all, nowMs);
      expect(leaves !== undefined).toBe(all.some(mayLeave));
      if (leaves !== undefined) expect(mayLeave(leaves)).toBe(true);
    }),
  );
});

it('evicts from the address with the most places, the one idle the longest', () => {
  fc.assert(
    fc.property(seated, (all) => {
      const leaves = whoLeaves(all, nowMs);
      if (leaves === undefined) return;
      const places = (of: Seated) => all.filter(({ address }) => address === of.address).length;
      for (const other of all.filter(mayLeave)) {
        expect(places(other)).toBeLessThanOrEqual(places(leaves));
        if (places(other) === places(leaves)) expect(other.idleSinceMs).toBeGreaterThanOrEqual(leaves.idleSinceMs);
      }
    }),
  );
});
