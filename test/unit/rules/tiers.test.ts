import { expect, test } from 'vitest';
import { tierOf, tierRules, tiers } from '../../../src/rules/tiers.js';

test('a boundary belongs to the better tier, and one millipoint less to the next', () => {
  for (const [place, tier] of tiers.entries()) {
    const { fromMillipoints } = tierRules[tier];
    if (tier === 'guest') continue;
    expect(tierOf(fromMillipoints)).toBe(tier);
    expect(tierOf(fromMillipoints - 1)).toBe(tiers[place + 1]);
  }
  expect([tierOf(0), tierOf(-5), tierOf(999)]).toEqual(['guest', 'guest', 'guest']);
});

test('a better tier never has a longer target wait or a lower rate', () => {
  const rules = tiers.map((tier) => tierRules[tier]);
  for (const [place, rule] of rules.entries()) {
    const worse = rules[place + 1];
    if (worse === undefined) continue;
    expect(rule.targetWaitMs).toBeLessThanOrEqual(worse.targetWaitMs);
    expect(rule.rateFactor).toBeGreaterThanOrEqual(worse.rateFactor);
  }
});
