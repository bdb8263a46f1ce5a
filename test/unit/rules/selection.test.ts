import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/protocol/limits.js';
import { closedCircuit, type Circuit } from '../../../src/rules/circuit.js';
import {
  selectElsewhere,
  selectionRules,
  selectWorker,
  type Candidate,
  type Wish,
} from '../../../src/rules/selection.js';
import { seededRandom } from '../../../src/runtime/random.js';

const sha = (letter: string): string => letter.repeat(64);
const offer = (name: string, letter: string) => ({
  name,
  sha256: sha(letter),
  bytes: 1,
  contextSize: 512,
  capabilities: [],
});
const anything: Wish = { model: undefined, pin: undefined, account: undefined, tried: [] };
const shut: Circuit = { state: 'open', untilMs: 1_000_000, pauseMs: 1_000 };

type Fields = Partial<Candidate['status']> & Partial<Omit<Candidate, 'status'>>;

function candidate(worker: string, { heardAtMs = 0, inFlight = 0, circuit, ...status }: Fields = {}): Candidate {
  return {
    worker,
    heardAtMs,
    inFlight,
    circuit,
    status: {
      models: [offer('counter', 'a')],
      health: { score: 100, state: 'idle', capacity: 100 },
      queue: { length: 0, capacity: 100 },
      slots: { total: 2, busy: 0 },
      performance: { avgResponseMs: 1_000, tokensPerSecond: 20 },
      ...status,
    },
  };
}

const queued = (length: number) => ({ queue: { length, capacity: 100 }, slots: { total: 2, busy: 2 } });
const atSpeed = (tokensPerSecond: number | null) => ({ performance: { avgResponseMs: 1_000, tokensPerSecond } });

/** How often each is chosen of `draws` times, all from the same view. */
function shares(candidates: Candidate[], draws = 4_000, seed = 1): Record<string, number> {
  const random = seededRandom(seed);
  const counts: Record<string, number> = {};
  for (let i = 0; i < draws; i++) {
    const chosen = selectWorker(candidates, anything, 0, () => random.next())?.worker ?? 'nobody';
    counts[chosen] = (counts[chosen] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([worker, count]) => [worker, count / draws]));
}

const chosenOf = (candidates: Candidate[], wish: Partial<Wish> = {}, nowMs = 0): string[] => {
  const random = seededRandom(7);
  const chosen = Array.from({ length: 100 }, () =>
    selectWorker(candidates, { ...anything, ...wish }, nowMs, () => random.next()),
  );
  return [...new Set(chosen.map((each) => each?.worker ?? 'nobody'))].sort();
};

const arbitrary = fc.record({
  heardAtMs: fc.constantFrom(0, 20_000),
  inFlight: fc.nat(3),
  models: fc.subarray([offer('counter', 'a'), offer('other', 'b')]),
  health: fc.record({ score: fc.nat(100), state: fc.constant('idle' as const), capacity: fc.constantFrom(0, 40, 100) }),
  queue: fc.record({ length: fc.constantFrom(0, 0, 1, 5, 100), capacity: fc.constant(100) }),
  slots: fc.record({ total: fc.nat(4), busy: fc.nat(4) }),
  performance: fc.record({
    avgResponseMs: fc.option(fc.nat(20_000)),
    tokensPerSecond: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
  }),
  circuit: fc.constantFrom(undefined, closedCircuit, shut),
});
const wishes = fc.record({
  model: fc.constantFrom(undefined, 'counter', sha('b')),
  pin: fc.constantFrom(undefined, undefined, undefined, 'w0'),
  account: fc.constantFrom(undefined, 'w0', 'w1'),
  tried: fc.subarray(['w0', 'w1', 'w2']),
});
const seeds = fc.integer();
const views = fc.array(arbitrary, { maxLength: 8 }).map((all) => all.map((each, i) => candidate(`w${i}`, each)));

const mayBeAsked = (wish: Wish) => (each: Candidate) =>
  each.heardAtMs === 20_000 &&
  (wish.pin === undefined || wish.pin === each.worker) &&
  each.status.models.some((m) => wish.model === undefined || [m.name, m.sha256].includes(wish.model)) &&
  (each.status.health.capacity > 0 || each.worker === wish.account) &&
  each.circuit !== shut;

/** Its own requests there counted in, as its status may not show them yet. */
const hasEmptyQueue = ({ status: { queue, slots, health }, inFlight }: Candidate): boolean =>
  queue.length + slots.busy + inFlight <= Math.ceil((slots.total * health.capacity) / 100) && queue.length === 0;

describe('a candidate', () => {
  it('has a fresh status', () => {
    const workers = [candidate('old', { heardAtMs: 0 }), candidate('new', { heardAtMs: 10_000 })];
    expect(chosenOf(workers, {}, limits.statusStaleMs - 1)).toEqual(['new', 'old']);
    expect(chosenOf(workers, {}, limits.statusStaleMs)).toEqual(['new']);
    expect(chosenOf(workers, {}, 10_000 + limits.statusStaleMs)).toEqual(['nobody']);
  });

  it('has the model, by name or hash, or any model if none was requested', () => {
    const workers = [candidate('none', { models: [] }), candidate('other', { models: [offer('other', 'b')] })];
    expect(chosenOf(workers, { model: 'other' })).toEqual(['other']);
    expect(chosenOf(workers, { model: sha('b') })).toEqual(['other']);
    expect(chosenOf(workers, { model: 'counter' })).toEqual(['nobody']);
    expect(chosenOf(workers)).toEqual(['other']);
  });

  it('is the pinned worker, if there is one', () => {
    const busy = candidate('busy', queued(50));
    expect(chosenOf([candidate('idle'), busy], { pin: 'busy' })).toEqual(['busy']);
    expect(chosenOf([candidate('idle')], { pin: 'busy' })).toEqual(['nobody']);
  });

  it('is an avoided worker only if no other untried one is left', () => {
    const avoided = { ...candidate('avoided'), isAvoided: true };
    expect(chosenOf([avoided, candidate('busy', queued(50))])).toEqual(['busy']);
    expect(chosenOf([avoided, candidate('tried')], { tried: ['tried'] })).toEqual(['avoided']);
    expect(chosenOf([avoided, candidate('other')], { pin: 'avoided' })).toEqual(['avoided']);
    fc.assert(
      fc.property(views, wishes, fc.nat(255), seeds, (view, wish, marks, seed) => {
        const marked = view.map((each, i) => ({ ...each, isAvoided: ((marks >> i) & 1) === 1 }));
        const random = seededRandom(seed);
        const chosen = selectWorker(marked, wish, 20_000, () => random.next());
        if (chosen?.isAvoided !== true) return;
        const others = marked.filter((each) => !each.isAvoided && mayBeAsked(wish)(each));
        expect(others.filter(({ worker }) => !wish.tried.includes(worker))).toEqual([]);
      }),
    );
  });

  it('is one already tried only if there is no other', () => {
    expect(chosenOf([candidate('tried'), candidate('busy', queued(50))], { tried: ['tried'] })).toEqual(['busy']);
    expect(chosenOf([candidate('tried')], { tried: ['tried'] })).toEqual(['tried']);
  });

  it('has capacity, except the own worker if no other untried one is left', () => {
    const atRest = { health: { score: 100, state: 'idle', capacity: 0 } } as const;
    const workers = [candidate('mine', atRest), candidate('foreign', atRest)];
    const mine = { account: 'mine' };
    expect(chosenOf(workers)).toEqual(['nobody']);
    expect(chosenOf(workers, mine)).toEqual(['mine']);
    expect(chosenOf(workers, { pin: 'mine', ...mine })).toEqual(['mine']);
    expect(chosenOf(workers, { pin: 'foreign', ...mine })).toEqual(['nobody']);
    const crowd = [...workers, candidate('busy', queued(50))];
    expect(chosenOf(crowd, mine)).toEqual(['busy']);
    expect(chosenOf(crowd, { tried: ['busy'], ...mine })).toEqual(['mine']);
  });

  it('is always found if any worker is fresh, has the model, capacity, and a closed circuit', () => {
    fc.assert(
      fc.property(views, wishes, seeds, (workers, wish, seed) => {
        const random = seededRandom(seed);
        const may = workers.filter(mayBeAsked(wish));
        const untried = may.filter(({ worker }) => !wish.tried.includes(worker));
        const awake = untried.filter(({ status }) => status.health.capacity > 0);
        const chosen = selectWorker(workers, wish, 20_000, () => random.next());
        if (chosen === undefined) expect(may).toEqual([]);
        else expect([awake, untried, may].find((pool) => pool.length > 0)).toContain(chosen);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the choice prefers', () => {
  it('an empty queue over any other', () => {
    fc.assert(
      fc.property(views, seeds, (workers, seed) => {
        const random = seededRandom(seed);
        const chosen = selectWorker(workers, anything, 20_000, () => random.next());
        if (chosen === undefined || hasEmptyQueue(chosen)) return;
        expect(workers.filter(mayBeAsked(anything)).filter(hasEmptyQueue)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('among empty queues, one with a free slot, counting this client’s own requests', () => {
    const full = candidate('full', { slots: { total: 2, busy: 2 }, ...atSpeed(100) });
    expect(chosenOf([full, candidate('free', { slots: { total: 2, busy: 1 }, ...atSpeed(1) })])).toEqual(['free']);
    const mine = candidate('mine', { inFlight: 2, ...atSpeed(100) });
    expect(chosenOf([mine, candidate('free', atSpeed(1))])).toEqual(['free']);
  });

  it('not slots that health does not let the worker fill', () => {
    const unwell = candidate('unwell', {
      health: { score: 30, state: 'busy', capacity: 40 },
      slots: { total: 5, busy: 2 },
      ...atSpeed(100),
    });
    expect(chosenOf([unwell, candidate('free', atSpeed(1))])).toEqual(['free']);
  });

  it('fast workers: of nine, the two that answer earliest', () => {
    const workers = [10, 90, 20, 80, 30, 70, 40, 60, 50].map((speed) => candidate(`at ${speed}`, atSpeed(speed)));
    expect(chosenOf(workers)).toEqual(['at 80', 'at 90']);
    expect(shares(workers)['at 90']).toBeGreaterThan(0.7); // three of four: it wins unless the other is drawn twice
  });

  it('a newcomer of unknown speed as much as one of mean speed', () => {
    const workers = [candidate('slow', atSpeed(10)), candidate('new', atSpeed(null)), candidate('fast', atSpeed(90))];
    expect(chosenOf(workers)).toEqual(['fast', 'new']);
  });

  it('if every queue has entries, those that will get to it earliest', () => {
    const workers = [1, 9, 2, 8].map((length) => candidate(`behind ${length}`, queued(length)));
    expect(chosenOf(workers)).toEqual(['behind 1', 'behind 2']);
  });

  it('health and response, in proportion to the score', () => {
    const well = candidate('well');
    const unwell = candidate('unwell', { health: { score: 60, state: 'light', capacity: 100 } });
    const { health, response } = selectionRules.emptyQueue;
    const [one, other] = [health + response * 0.9, health * 0.6 + response * 0.9];
    expect(shares([well, unwell]).well).toBeCloseTo(one / (one + other), 1);
  });
});

describe('no herd', () => {
  it('even if all scores are 0', () => {
    const worst = {
      health: { score: 0, state: 'light', capacity: 80 },
      performance: { avgResponseMs: 10_000, tokensPerSecond: 1 },
    } as const;
    expect(shares([candidate('a', worst), candidate('b', worst)]).a).toBeCloseTo(0.5, 1);
  });

  it('equals get equal shares of requests decided on the same view', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 32 }), arbitrary, seeds, (count, fields, seed) => {
        const equal = { ...fields, heardAtMs: 0, circuit: undefined, models: [offer('counter', 'a')] };
        const health = { ...fields.health, capacity: 100 };
        const workers = Array.from({ length: count }, (_, i) => candidate(`w${i}`, { ...equal, health }));
        const got = Object.values(shares(workers, 3_000, seed));
        const deviation = Math.sqrt(1 / count / 3_000);
        for (const share of got) expect(Math.abs(share - 1 / count)).toBeLessThan(6 * deviation);
      }),
      { numRuns: 40 },
    );
  });

  it('a worker that claims absurd numbers does not get everything', () => {
    const boast = { ...queued(1), ...atSpeed(Number.MAX_VALUE) };
    const workers = [
      candidate('new', { ...queued(1), ...atSpeed(null) }),
      candidate('a', boast),
      candidate('b', boast),
    ];
    for (const share of Object.values(shares(workers, 3_000, 1))) expect(share).toBeCloseTo(1 / 3, 1);
  });

  it('nobody gets more than 16 times its share among equal scores, whatever the speeds', () => {
    const speeds = fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 16, maxLength: 48 });
    const k = 2 / selectionRules.shortlistShare;
    expect(k).toBe(16);
    fc.assert(
      fc.property(speeds, seeds, (all, seed) => {
        const got = shares(
          all.map((speed, i) => candidate(`w${i}`, atSpeed(speed))),
          2_000,
          seed,
        );
        const bound = Math.min(1, k / all.length);
        const deviation = Math.sqrt((bound * (1 - bound)) / 2_000);
        for (const share of Object.values(got)) expect(share).toBeLessThan(bound + 6 * deviation);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a queued request', () => {
  const elsewhere = (workers: Candidate[], position = 1, wish: Partial<Wish> = {}): string | undefined => {
    const random = seededRandom(3);
    const here = { worker: 'here', position };
    const all = { ...anything, tried: ['here'], ...wish };
    return selectElsewhere([candidate('here', queued(1)), ...workers], all, here, 0, () => random.next())?.worker;
  };

  it('moves to a free slot with an earlier end', () => {
    expect(elsewhere([candidate('free')])).toBe('free');
    expect(elsewhere([candidate('full', { slots: { total: 2, busy: 2 } })])).toBeUndefined();
    expect(elsewhere([candidate('slow', atSpeed(5))])).toBeUndefined();
    expect(elsewhere([candidate('slow', atSpeed(5))], 20)).toBe('slow'); // far back in line even that is earlier
  });

  it('stays if it is in a slot or pinned, and never returns to an earlier worker', () => {
    expect(elsewhere([candidate('free')], 0)).toBeUndefined();
    expect(elsewhere([candidate('free')], 1, { pin: 'here' })).toBeUndefined();
    expect(elsewhere([candidate('free')], 1, { tried: ['free', 'here'] })).toBeUndefined();
  });

  it('moves only to workers it might have been sent to', () => {
    fc.assert(
      fc.property(views, wishes, fc.integer({ min: 1, max: 50 }), seeds, (workers, wish, position, seed) => {
        const random = seededRandom(seed);
        const here = { worker: 'w0', position };
        const chosen = selectElsewhere(workers, wish, here, 20_000, () => random.next());
        if (chosen === undefined) return;
        expect(mayBeAsked(wish)(chosen)).toBe(true);
        expect(hasEmptyQueue(chosen)).toBe(true);
        expect([...wish.tried, 'w0']).not.toContain(chosen.worker);
      }),
      { numRuns: 500 },
    );
  });
});
