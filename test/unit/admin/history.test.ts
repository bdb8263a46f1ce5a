import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply, History, maxItems, type Actor } from '../../../src/admin/page/history.js';
import type { ActorSight, Item } from '../../../src/admin/wire.js';

const sight = (name: string, state = 'idle', status: ActorSight['status'] = 'active'): ActorSight => ({
  name,
  parent: 'root',
  machine: 'slot',
  status,
  states: [`slot.${state}`],
});

const beginning = (): [string, Actor][] => [
  ['a', { ...sight('a'), request: undefined, failures: undefined, sinceMs: 0 }],
];

const name = fc.constantFrom('a', 'b', 'c');
const someItem: fc.Arbitrary<Omit<Item, 'atMs'>> = fc.oneof(
  fc.record({ kind: fc.constant('started' as const), actor: name.map((each) => sight(each)) }),
  fc.record({
    kind: fc.constant('moved' as const),
    actor: fc.tuple(name, fc.constantFrom('idle', 'busy', 'wedged')).map(([each, state]) => sight(each, state)),
  }),
  fc.record({ kind: fc.constant('gone' as const), name }),
  fc.record({ kind: fc.constant('failed' as const), name, reason: fc.constant('x'), restartInMs: fc.constant(50) }),
  fc.record({ kind: fc.constant('message' as const), from: name, to: name, type: fc.constant('t') }),
);
const someItems = fc.array(fc.tuple(someItem, fc.nat(2_000)), { maxLength: 60 }).map((steps) => {
  let atMs = 0;
  return steps.map(([item, waitMs]) => ({ ...item, atMs: (atMs += waitMs) }) as Item);
});

describe('what the page has seen', () => {
  it('at any moment is what the steps until then make of the beginning', () => {
    fc.assert(
      fc.property(someItems, fc.nat(60), (items, count) => {
        const history = new History({ beginning: beginning(), items: [] });
        for (const item of items) history.add([item]);
        const actors = new Map(beginning());
        for (const item of items.slice(0, count)) apply(actors, item);
        expect(history.at(count)).toEqual(actors);
      }),
    );
  });

  it('loses nothing of how everybody stands when its oldest steps fall out', () => {
    const filler: Item = { kind: 'message', atMs: 0, from: 'a', to: 'a', type: 't' };
    fc.assert(
      fc.property(someItems, (items) => {
        const short = new History({ beginning: beginning(), items: [] });
        short.add(items);
        const long = new History({ beginning: beginning(), items: [] });
        long.add(items);
        long.add(Array.from({ length: maxItems }, () => ({ ...filler, atMs: items.at(-1)?.atMs ?? 0 })));
        expect(long.items).toHaveLength(maxItems);
        expect(long.dropped).toBe(items.length);
        const alive = (history: History): string[] =>
          [...history.at().values()].filter(({ status }) => status !== 'gone').map((actor) => JSON.stringify(actor));
        expect(alive(long)).toEqual(alive(short));
      }),
      { numRuns: 20 },
    );
  });

  it('goes through a recording unchanged', () => {
    fc.assert(
      fc.property(someItems, (items) => {
        const history = new History({ beginning: beginning(), items: [] });
        history.add(items);
        const { beginning: saved, items: steps } = JSON.parse(JSON.stringify(history.recording));
        expect(new History({ beginning: saved, items: steps }).at()).toEqual(history.at());
      }),
    );
  });

  it('shows who crashed until it is back, how often, and why', () => {
    const history = new History({ beginning: beginning(), items: [] });
    history.add([
      { kind: 'failed', atMs: 1, name: 'a', reason: 'fell', restartInMs: 50 },
      { kind: 'gone', atMs: 2, name: 'a' },
    ]);
    expect(history.at().get('a')).toMatchObject({ status: 'waiting', failures: { count: 1, reason: 'fell' } });
    history.add([{ kind: 'started', atMs: 60, actor: sight('a') }]);
    expect(history.at().get('a')).toMatchObject({ status: 'active', failures: { count: 1 } });
  });
});
