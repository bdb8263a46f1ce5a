/** Ten minutes of all tiers at a worker that is asked for more than it can do: equals fare alike, and nobody starves. */
import { describe, expect, it } from 'vitest';
import { raisedFullyMs } from '../../src/rules/queue.js';
import { tiers } from '../../src/rules/tiers.js';
import { seededRandom } from '../../src/runtime/random.js';
import { playLine, type Visit } from './queue-play.js';

const tenMinutes = 600_000;
const clientsPerTier = 5;
const slots = 4;
const capacity = 100;
const longestMs = 4_000;
/** Of what the slots can do: more than they can, while what is above Silver would fit. */
const load = 1.2;

/** 1: all alike; 1/n: one has everything. */
const jain = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) ** 2 /
  (values.length * values.reduce((sum, value) => sum + value ** 2, 0));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('ten minutes of overload by all tiers', () => {
  it.each([1, 2, 3, 4, 5])('treat clients of one tier alike, and starve nobody (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const visits: Visit[] = [];
    const meanGapMs = longestMs / 2 / (slots * load);
    for (let atMs = 0; atMs < tenMinutes;) {
      const afterMs = random.next() * 2 * meanGapMs;
      atMs += afterMs;
      const tier = tiers[Math.floor(random.next() * tiers.length)] ?? 'guest';
      visits.push({ afterMs, tier, isOwner: false, holdMs: random.next() * longestMs });
    }
    const clients = visits.map(() => Math.floor(random.next() * clientsPerTier));
    const { starts } = playLine(visits, slots, capacity);
    const masters = starts.filter(({ item }) => item.tier === 'master').length;
    const means = tiers.map((tier) => {
      const mine = starts.filter(({ item }) => item.tier === tier);
      const waitsOf = (client: number): number[] =>
        mine.filter(({ item }) => clients[item.arrival] === client).map(({ item, atMs }) => atMs - item.arrivedAtMs);
      const ofEach = Array.from({ length: clientsPerTier }, (_, client) => mean(waitsOf(client)));
      expect(jain(ofEach), `${tier}: ${ofEach.map(Math.round).join(', ')} ms`).toBeGreaterThanOrEqual(0.95);
      for (const { item, atMs } of mine)
        expect(atMs - item.arrivedAtMs).toBeLessThanOrEqual(
          raisedFullyMs(tier) + longestMs * Math.ceil((capacity + masters) / slots),
        );
      return mean(ofEach);
    });
    // Each tier sooner than the next; where many have waited long, they stand among the Diamonds, who then fare much like Gold.
    means.forEach((ms, i) => expect(ms).toBeLessThan(1.15 * (means[i + 1] ?? Infinity)));
    expect(means[0]).toBeLessThan(longestMs / 4);
  });
});
