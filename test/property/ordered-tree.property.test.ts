/** The persistent tree against a sorted array. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedTree } from '../../src/rules/ordered-tree.js';

interface Item {
  readonly key: number;
  readonly value: string;
}
type Key = Pick<Item, 'key'>;
const byKey = (a: Key, b: Key): number => a.key - b.key;

const step = fc.record({
  what: fc.constantFrom('insert', 'insert', 'remove'),
  key: fc.nat(40),
  value: fc.string({ maxLength: 2 }),
});

describe('the ordered tree', () => {
  it('behaves like a sorted array, and never changes earlier versions of itself', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let tree = OrderedTree.empty<Key, Item>(byKey);
        let array: Item[] = [];
        const before: { tree: typeof tree; array: Item[] }[] = [];
        for (const { what, key, value } of steps) {
          before.push({ tree, array });
          const others = array.filter((item) => item.key !== key);
          if (what === 'remove') {
            const rest = tree.remove({ key });
            if (others.length === array.length) expect(rest).toBe(tree);
            [tree, array] = [rest, others];
          } else {
            tree = tree.insert({ key, value });
            array = [...others, { key, value }].sort(byKey);
          }
          expect([...tree]).toEqual(array);
          expect([tree.size, tree.first, tree.last]).toEqual([array.length, array[0], array.at(-1)]);
          for (let probe = 0; probe <= 40; probe += 7) {
            expect(tree.find({ key: probe })).toEqual(array.find((item) => item.key === probe));
            expect(tree.countBefore({ key: probe })).toBe(array.filter((item) => item.key < probe).length);
          }
        }
        for (const { tree: old, array: was } of before) expect([...old]).toEqual(was);
      }),
      { numRuns: 200 },
    );
  });

  it('stays shallow for any order of insertions and removals', () => {
    const n = 4_096;
    const orders: readonly ((i: number) => number)[] = [(i) => i, (i) => -i, (i) => (i * 1_597) % n];
    for (const order of orders) {
      let compared = 0;
      let tree = OrderedTree.empty<number>((a, b) => (compared++, a - b));
      for (let i = 0; i < n; i++) tree = tree.insert(order(i));
      for (let i = 0; i < n; i += 2) tree = tree.remove(order(i));
      let worst = 0;
      for (let i = 1; i < n; i += 2) {
        compared = 0;
        tree.find(order(i));
        worst = Math.max(worst, compared);
      }
      // A side holds at most 3 of 4 parts of the weight: depth log(n) / log(4/3) at worst, 26 for these 2,048.
      expect(worst).toBeLessThanOrEqual(Math.ceil(Math.log(n / 2 + 1) / Math.log(4 / 3)));
    }
  });
});
