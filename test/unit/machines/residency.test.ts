import { describe, expect, it } from 'vitest';
import { residencyMachine } from '../../../src/machines/residency.machine.js';
import { turnMs } from '../../../src/rules/residency.js';
import { stage, untaken, type Staged } from './stage.js';

const stands = (place: number, residence: string) => ({
  type: 'engine.residence',
  place,
  model: `m${place}`,
  memoryBytes: 6,
  residence,
});
const demand = (...each: [waitingSinceMs: number | undefined, running: number][]) => ({
  type: 'demand.changed',
  demand: each.map(([waitingSinceMs, running], place) => ({ model: `m${place}`, waitingSinceMs, running })),
});

function residencyWith(...events: { type: string }[]): Staged {
  const on: { stage?: Staged } = {};
  const staged = stage(residencyMachine, { budgetBytes: 10, monotonicMs: () => on.stage?.clock.monotonicMs() ?? 0 });
  on.stage = staged;
  staged.send(...events);
  return staged;
}

/** What engines and the scheduler were told, as far as it is something. */
const told = (staged: Staged): unknown[] =>
  staged.effects().flatMap(({ name, params }): unknown[] => {
    if (name === 'hold') return [params];
    if (name !== 'carryOut') return [];
    const { load, unload } = params as { load: number[]; unload: number[] };
    return [...load.map((place) => `load ${place}`), ...unload.map((place) => `unload ${place}`)];
  });

describe('residency', () => {
  it('asks engines for their state, loads what fits, and replaces an idle model on demand', () => {
    const staged = residencyWith(stands(0, 'parked'), stands(0, 'loading'), stands(1, 'parked'), stands(0, 'loaded'));
    expect(staged.effects()[0]?.name).toBe('askEngines');
    expect(staged.state).toBe('settled');
    expect(told(residencyWith(stands(0, 'parked')))).toEqual(['load 0']);
    staged.send(demand([undefined, 0], [5, 0]));
    expect(staged.state).toBe('pressed');
    expect(told(staged)).toEqual(['unload 0']);
    staged.send(stands(0, 'leaving'), stands(0, 'parked'));
    expect(told(staged)).toEqual(['load 1']);
    staged.send(stands(1, 'loading'), demand([undefined, 0], [undefined, 1]));
    expect(staged.state).toBe('settled');
  });

  it('gives a busy model its turn, then holds it until it is unloaded', () => {
    const staged = residencyWith(stands(0, 'loaded'), stands(1, 'parked'), demand([undefined, 1], [0, 0]));
    expect(told(staged)).toEqual([]);
    staged.clock.advance(turnMs);
    expect(told(staged)).toEqual([{ models: ['m0'] }]);
    staged.send(demand([undefined, 0], [0, 0]));
    expect(told(staged)).toEqual(['unload 0', { models: [] }]); // gone first: nothing is started in it again
  });

  it('forgets an engine that is given up, and gives its memory to others', () => {
    const staged = residencyWith(stands(0, 'loaded'), stands(1, 'parked'));
    staged.effects();
    staged.send({ type: 'engine.gone', place: 0 });
    expect(told(staged)).toEqual(['load 1']);
  });

  it('stops', () => {
    const staged = residencyWith(stands(0, 'loaded'), stands(1, 'parked'), demand([undefined, 1], [0, 0]));
    staged.send({ type: 'sys.shutdown' });
    expect(staged.isDone).toBe(true);
    expect(staged.clock.pending).toBe(0);
  });

  it('has no transition that was not taken here', () => expect(untaken(residencyMachine)).toEqual([]));
});
