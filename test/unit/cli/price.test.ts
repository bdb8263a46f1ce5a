import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { quoteFor, quoteText } from '../../../src/cli/price.js';
import { limits } from '../../../src/protocol/limits.js';
import { scoreOf } from '../../../src/rules/points.js';
import { mostFor, offerFor } from '../../../src/rules/price.js';
import { leastPriceForTier, tierForOffer } from '../../../src/rules/standing.js';

const millipoints = fc.nat({ max: 20_000 });

it('no request scores more than is said of its prompt, nor than an order can offer', () => {
  const facts = fc.record({
    promptChars: fc.nat(),
    resultChars: fc.nat(),
    responseMs: fc.nat(),
    success: fc.boolean(),
  });
  fc.assert(
    fc.property(facts, (made) => {
      expect(scoreOf(made).score).toBeLessThanOrEqual(mostFor(made.promptChars));
      expect(mostFor(made.promptChars)).toBeLessThanOrEqual(limits.maxPriceMillipoints);
    }),
  );
});

it('what is offered is covered, is wanted, and buys a tier, or it is nothing', () => {
  fc.assert(
    fc.property(fc.nat({ max: 1_000 }), millipoints, millipoints, (promptChars, free, maxPrice) => {
      const offer = offerFor({ promptChars, free, maxPrice });
      if (offer === 0) return;
      expect(offer).toBeLessThanOrEqual(Math.min(free, maxPrice, mostFor(promptChars)));
      expect(offer).toBeGreaterThanOrEqual(leastPriceForTier);
      expect(tierForOffer({ maxPrice: offer, balance: free, held: 0 })).not.toBe('guest');
    }),
  );
});

it.each([
  [
    512_500,
    10,
    /^It costs what it scores, up to 7.24 points.\nYou ask in the gold tier, where an answer should begin within 1 s.\nYou have 512.5 points.$/,
  ],
  [20_000_000, 10, /You ask in the master tier, where an answer begins at once.\n/],
  [1_000, 10, /up to 1 point.\nYou ask in the bronze tier/],
  [999, 10, /^It is free: .*\nYou have 0.999 points. .* up to 7.24 points/],
  [5_000, 0, /^It is free: .*\nYou have 5 points. You want to pay at most 0, /],
  [
    undefined,
    10,
    /^It costs what it scores, up to 7.24 points, if this account has that much.\nThis home does not know its balance. /,
  ],
  [undefined, 0, /^It is free: you ask as a guest.\n/],
])('says to one who has %s millipoints and pays up to %s points what it comes to', (balance, maxPoints, said) => {
  expect(quoteText(quoteFor('count from 5'.length, balance, maxPoints * 1_000), maxPoints)).toMatch(
    new RegExp(said.source, 's'),
  );
});
