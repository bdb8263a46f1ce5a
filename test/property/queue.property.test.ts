/** The queue against a plain array that is sorted anew at each look, and the promises that its file makes. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as queues from '../../src/rules/queue.js';
import type { Queue, Waiting } from '../../src/rules/queue.js';
import { tierRules, tiers, type Tier } from '../../src/rules/tiers.js';
import { playLine, type Visit } from './queue-play.js';

const capacity = 6;
const models = ['m1', 'm2', 'm3'];

/** 0 is the owner's; 1 Master's … 7 the guests'. */
function lineAt({ tier: tierAtFirst, isOwner, arrivedAtMs }: Waiting, nowMs: number): number {
  let tier = tierAtFirst;
  let sinceMs = arrivedAtMs;
  for (;;) {
    const better = tiers[tiers.indexOf(tier) - 1];
    const patienceMs = 12 * tierRules[tier].targetWaitMs;
    if (better === undefined || better === 'master' || nowMs - sinceMs < patienceMs) break;
    tier = better;
    sinceMs += patienceMs;
  }
  return isOwner ? 0 : 1 + tiers.indexOf(tier);
}

const tier = fc.constantFrom(...tiers);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('enqueue' as const),
      tier,
      isOwner: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      model: fc.constantFrom(...models),
      deadlineMs: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('take' as const), of: fc.subarray(models, { minLength: 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('giveBack' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('remove' as const), key: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('share' as const), percent: fc.constantFrom(100, 60, 40, 0) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The queue, and what a plain array makes of the same steps. */
class Pair {
  queue: Queue<Waiting> = queues.emptyQueue(capacity);
  line: Waiting[] = [];
  readonly started: Waiting[] = [];
  readonly left = new Set<string>();
  nowMs = 0;
  sharePercent = 100;
  #arrivals = 0;

  apply(next: Step): void {
    switch (next.what) {
      case 'enqueue':
        return this.#enqueue(next);
      case 'take': {
        const expected = this.line.find(({ model }) => next.of.includes(model));
        const [taken, rest] = queues.take(this.queue, next.of);
        expect(taken).toBe(expected);
        this.queue = rest;
        if (taken === undefined) return;
        this.#leave(taken);
        this.started.push(taken);
        return;
      }
      case 'giveBack': {
        const [item] = this.started.splice(next.which % Math.max(1, this.started.length), 1);
        if (item === undefined) return;
        this.left.delete(item.key);
        this.queue = queues.put(this.queue, item, this.nowMs);
        this.line.push(item);
        return this.#sort();
      }
      case 'remove': {
        const key = `k${next.key}`;
        const item = this.line.find((each) => each.key === key);
        const rest = queues.remove(this.queue, key);
        if (item === undefined) expect(rest).toBe(this.queue);
        else this.#leave(item);
        this.queue = rest;
        return;
      }
      case 'wait': {
        this.nowMs += next.ms;
        this.queue = queues.raise(this.queue, this.nowMs);
        this.#sort();
        const over = queues.expired(this.queue, this.nowMs);
        expect(new Set(over)).toEqual(
          new Set(this.line.filter(({ expiresAtMs = Infinity }) => expiresAtMs <= this.nowMs)),
        );
        for (const item of over) {
          this.queue = queues.remove(this.queue, item.key);
          this.#leave(item);
        }
        return;
      }
      case 'share':
        this.sharePercent = next.percent;
    }
  }

  #enqueue({ tier: of, isOwner, model, deadlineMs }: Extract<Step, { what: 'enqueue' }>): void {
    const arrival = this.#arrivals++;
    const { nowMs, sharePercent } = this;
    const expiresAtMs = deadlineMs === undefined ? undefined : nowMs + 1 + deadlineMs;
    const item = { key: `k${arrival}`, model, tier: of, isOwner, arrival, arrivedAtMs: nowMs, expiresAtMs };
    const open = isOwner ? capacity : Math.ceil((capacity * sharePercent) / 100);
    const guests = this.line.filter((each) => each.tier === 'guest' && !each.isOwner).length;
    const last = this.line.at(-1);
    const isFull = this.line.length >= open;
    const outranksLast = last !== undefined && lineAt(item, nowMs) < lineAt(last, nowMs);
    const guestsAreMany = of === 'guest' && !isOwner && guests >= (open === 0 ? 0 : Math.max(1, Math.floor(open / 2)));
    const mayEnter = !guestsAreMany && (!isFull || outranksLast);
    expect(queues.hasRoom(this.queue, item, sharePercent)).toBe(mayEnter);
    if (!mayEnter) return;
    const before = this.line.length;
    const [queue, displaced] = queues.enqueue(this.queue, item, { nowMs, sharePercent });
    this.queue = queue;
    // The newest of the last line that somebody stands in.
    expect(displaced).toBe(isFull ? last : undefined);
    if (displaced !== undefined) this.#leave(displaced);
    this.line.push(item);
    this.#sort();
    expect(this.line.length).toBeLessThanOrEqual(Math.max(before, capacity)); // never filled beyond
  }

  check(): void {
    const { queue, line, left } = this;
    expect([...queues.waitingIn(queue)]).toEqual(line);
    expect(queues.lengthOf(queue)).toBe(line.length);
    const waiting = queues.waitingByTier(queue);
    for (const tier of tiers)
      expect(waiting[tier] ?? 0).toBe(line.filter((item) => item.tier === tier && !item.isOwner).length);
    expect(waiting.owner ?? 0).toBe(line.filter(({ isOwner }) => isOwner).length);
    line.forEach(({ key }, place) => expect(queues.positionOf(queue, key)).toBe(place + 1));
    line.forEach((item) => expect(queues.find(queue, item.key)).toBe(item));
    for (const key of left) expect([queues.positionOf(queue, key), queues.find(queue, key)]).toEqual([0, undefined]);
    for (const model of models) expect(queues.firstOf(queue, model)).toBe(line.find((item) => item.model === model));
    for (const prefix of ['', 'k', 'k1', 'x'])
      expect(queues.countOf(queue, prefix)).toBe(line.filter(({ key }) => key.startsWith(prefix)).length);
  }

  /** Nothing leaves twice, and what left by any way never leaves by another. */
  #leave(item: Waiting): void {
    expect(this.left.has(item.key)).toBe(false);
    this.left.add(item.key);
    this.line.splice(this.line.indexOf(item), 1);
  }

  #sort(): void {
    this.line.sort((a, b) => lineAt(a, this.nowMs) - lineAt(b, this.nowMs) || a.arrival - b.arrival);
  }
}

describe('the queue', () => {
  it('behaves like a sorted array: nothing lost or duplicated, lines and arrivals in order, positions as reported', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const pair = new Pair();
        for (const next of steps) {
          pair.apply(next);
          pair.check();
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('is immutable: earlier versions never change', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const pair = new Pair();
        for (const next of steps) {
          const before = pair.queue;
          const read = [[...queues.waitingIn(before)], before.guests];
          pair.apply(next);
          expect([[...queues.waitingIn(before)], before.guests]).toEqual(read);
        }
      }),
    );
  });

  it('raises a request after 12 times the target wait of each line, but never into Master', () => {
    const at = (of: Tier, ms: number): number =>
      queues.standingOf({ tier: of, isOwner: false, arrivedAtMs: 1_000 }, 1_000 + ms).line;
    const line = (of: Tier): number => 1 + tiers.indexOf(of);
    for (const [ms, stands] of [
      [0, 'guest'],
      [59_999, 'guest'],
      [60_000, 'bronze'],
      [120_000, 'silver'],
      [144_000, 'gold'],
      [156_000, 'platinum'],
      [161_999, 'platinum'],
      [162_000, 'diamond'],
      [1e9, 'diamond'],
    ] as const)
      expect(at('guest', ms), `${ms} ms`).toBe(line(stands));
    expect(at('master', 1e9)).toBe(line('master'));
    expect(tiers.map(queues.raisedFullyMs)).toEqual([0, 0, 6_000, 18_000, 42_000, 102_000, 162_000]);
  });
});

/** Who comes: in bursts, mostly of high tiers, as somebody would who wants others to starve. */
const visit: fc.Arbitrary<Visit> = fc.record({
  afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 12_000 })),
  tier: fc.constantFrom('master', 'master', 'diamond', 'diamond', 'platinum', 'gold', 'bronze', 'guest', 'guest'),
  isOwner: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
  holdMs: fc.integer({ min: 1, max: 20_000 }),
});

describe('nobody waits without bound while Master leaves capacity', () => {
  it('once among the Diamonds, a request is overtaken only by Masters and the owner', () => {
    let checked = 0;
    fc.assert(
      fc.property(
        fc.array(visit, { minLength: 60, maxLength: 120 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 2, max: 30 }),
        (visits, slots, places) => {
          const longestMs = Math.max(0, ...visits.map(({ holdMs }) => holdMs));
          const { starts, waitedAt } = playLine(visits, slots, places);
          for (const [place, { item, atMs }] of starts.entries()) {
            const topMs = item.arrivedAtMs + queues.raisedFullyMs(item.tier);
            if (item.isOwner || item.tier === 'master' || atMs <= topMs) continue;
            checked++;
            const before = starts.slice(0, place).filter((start) => start.atMs > topMs);
            const privileged = before.filter(({ item: other }) => other.isOwner || other.tier === 'master');
            const others = before.filter((start) => !privileged.includes(start));
            for (const { item: other } of others) expect(other.arrival).toBeLessThan(item.arrival);
            // Of those, all waited already, and so the queue's capacity is their bound.
            const ahead = waitedAt(topMs).filter(({ arrival }) => arrival < item.arrival).length;
            expect(others.length).toBeLessThanOrEqual(ahead);
            expect(ahead).toBeLessThan(places);
            const rounds = Math.ceil((ahead + privileged.length + 1) / slots);
            expect(atMs).toBeLessThanOrEqual(topMs + longestMs * rounds);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(checked).toBeGreaterThan(1_000);
  });
});
