import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/protocol/limits.js';
import { selectWorker, type Candidate, type Wish } from '../../../src/rules/selection.js';

const sha = (letter: string): string => letter.repeat(64);
const offer = (name: string, letter: string) => ({
  name,
  sha256: sha(letter),
  bytes: 1,
  contextSize: 512,
  capabilities: [],
});
const anything: Wish = { model: undefined, pin: undefined, tried: [] };

function candidate(worker: string, fields: Partial<Candidate['status']> & Partial<Candidate> = {}): Candidate {
  const { heardAtMs = 0, inFlight = 0, ...status } = fields;
  return {
    worker,
    heardAtMs,
    inFlight,
    status: {
      models: [offer('counter', 'a')],
      health: { score: 100, state: 'idle', capacity: 100 },
      queue: { length: 0, capacity: 100 },
      slots: { total: 2, busy: 0 },
      ...status,
    },
  };
}
const pick = (candidates: Candidate[], wish: Partial<Wish> = {}, nowMs = 0, chance = 0): string | undefined =>
  selectWorker(candidates, { ...anything, ...wish }, nowMs, chance)?.worker;

describe('selection', () => {
  it('takes nobody whose status is stale', () => {
    const workers = [candidate('old', { heardAtMs: 0 }), candidate('new', { heardAtMs: 10_000 })];
    expect(pick(workers, {}, limits.statusStaleMs - 1)).toBe('old');
    expect(pick(workers, {}, limits.statusStaleMs)).toBe('new');
    expect(pick(workers, {}, 10_000 + limits.statusStaleMs)).toBeUndefined();
  });

  it('takes a worker that has the model, by name or hash, and for no model in particular one that has any', () => {
    const workers = [candidate('none', { models: [] }), candidate('other', { models: [offer('other', 'b')] })];
    expect(pick(workers, { model: 'other' })).toBe('other');
    expect(pick(workers, { model: sha('b') })).toBe('other');
    expect(pick(workers, { model: 'counter' })).toBeUndefined();
    expect(pick(workers)).toBe('other');
  });

  it('takes nobody who offers no capacity, however idle its slots', () => {
    const draining = candidate('draining', { health: { score: 100, state: 'idle', capacity: 0 } });
    expect(pick([draining])).toBeUndefined();
  });

  it('takes the pinned worker or none', () => {
    const busy = candidate('busy', { queue: { length: 50, capacity: 100 } });
    expect(pick([candidate('idle'), busy], { pin: 'busy' })).toBe('busy');
    expect(pick([candidate('idle')], { pin: 'busy' })).toBeUndefined();
  });

  it('goes back to a worker that failed this request only where there is no other', () => {
    const busy = candidate('busy', { queue: { length: 50, capacity: 100 } });
    expect(pick([candidate('tried'), busy], { tried: ['tried'] })).toBe('busy');
    expect(pick([candidate('tried')], { tried: ['tried'] })).toBe('tried');
  });

  it('counts what waits and runs there against the slots, and what this client itself has sent there since', () => {
    const small = candidate('small', { slots: { total: 1, busy: 1 } });
    const large = candidate('large', { slots: { total: 8, busy: 4 } });
    expect(pick([small, large])).toBe('large');
    expect(pick([candidate('mine', { inFlight: 2 }), candidate('free')], {}, 0, 0)).toBe('free');
    const known = candidate('known', { inFlight: 1, slots: { total: 2, busy: 1 } }); // the same request, counted once
    expect(pick([known, candidate('full', { slots: { total: 2, busy: 2 } })])).toBe('known');
  });

  it('draws among equals by chance, each of them as likely', () => {
    const workers = ['a', 'b', 'c', 'd'].map((name) => candidate(name));
    const drawn = [0, 0.24, 0.25, 0.5, 0.75, 0.999].map((chance) => pick(workers, {}, 0, chance));
    expect(drawn).toEqual(['a', 'a', 'b', 'c', 'd', 'd']);
  });

  it('picks one that may be picked, with the least burden of those, whatever is known', () => {
    const fields = fc.record({
      heardAtMs: fc.constantFrom(0, 20_000),
      inFlight: fc.nat(4),
      models: fc.subarray([offer('counter', 'a'), offer('other', 'b')]),
      queue: fc.record({ length: fc.nat(5), capacity: fc.constant(100) }),
      slots: fc.record({ total: fc.nat(3), busy: fc.nat(3) }),
    });
    const wishes = fc.record({
      model: fc.constantFrom(undefined, 'counter', sha('b')),
      pin: fc.constantFrom(undefined, undefined, 'w0'),
      tried: fc.subarray(['w0', 'w1', 'w2']),
    });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 6 }), wishes, chance, (all, wish, drawn) => {
        const workers = all.map((each, i) => candidate(`w${i}`, each));
        const may = workers.filter(
          ({ worker, heardAtMs, status }) =>
            heardAtMs === 20_000 &&
            (wish.pin === undefined || wish.pin === worker) &&
            status.models.some((m) => wish.model === undefined || [m.name, m.sha256].includes(wish.model)),
        );
        const chosen = selectWorker(workers, wish, 20_000, drawn);
        expect(chosen === undefined).toBe(may.length === 0);
        if (chosen === undefined) return;
        const untried = may.filter(({ worker }) => !wish.tried.includes(worker));
        const pool = untried.length > 0 ? untried : may;
        const ahead = ({ status, inFlight }: Candidate): number =>
          Math.max(status.queue.length + status.slots.busy, inFlight) / (status.slots.total || 1);
        expect(pool).toContain(chosen);
        expect(ahead(chosen)).toBe(Math.min(...pool.map(ahead)));
      }),
      { numRuns: 500 },
    );
  });
});
