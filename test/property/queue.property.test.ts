/** The queue against a plain array, and the promises that its file makes. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyQueue,
  enqueue,
  expired,
  giveBack,
  isFull,
  positionOf,
  remove,
  take,
  type Queue,
  type Waiting,
} from '../../src/rules/queue.js';

const capacity = 6;
const models = ['m1', 'm2', 'm3'];

type Step =
  | { readonly what: 'enqueue' | 'giveBack'; readonly model: string; readonly expiresAtMs: number | undefined }
  | { readonly what: 'take'; readonly model: string }
  | { readonly what: 'remove'; readonly key: number }
  | { readonly what: 'expire'; readonly nowMs: number };

const model = fc.constantFrom(...models);
const deadline = fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('enqueue' as const), model, expiresAtMs: deadline }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('giveBack' as const), model, expiresAtMs: deadline }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('take' as const), model }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('remove' as const), key: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('expire' as const), nowMs: fc.integer({ min: 0, max: 100 }) }),
  },
);

/** Applies one step to both, and checks that they answer alike. */
function apply(queue: Queue<Waiting>, line: Waiting[], next: Step, left: Set<string>, key: string): Queue<Waiting> {
  switch (next.what) {
    case 'enqueue':
    case 'giveBack': {
      if (next.what === 'enqueue' && isFull(queue)) return queue;
      const item = { key, model: next.model, expiresAtMs: next.expiresAtMs };
      if (next.what === 'enqueue') line.push(item);
      else line.unshift(item);
      return next.what === 'enqueue' ? enqueue(queue, item) : giveBack(queue, item);
    }
    case 'take': {
      const at = line.findIndex((item) => item.model === next.model);
      const [taken, rest] = take(queue, next.model);
      expect(taken).toEqual(at < 0 ? undefined : line[at]); // first in, first out, among those of one model
      if (taken !== undefined) leave(line, left, taken.key);
      return rest;
    }
    case 'remove': {
      const gone = remove(queue, `k${next.key}`);
      if (line.some((item) => item.key === `k${next.key}`)) leave(line, left, `k${next.key}`);
      else expect(gone).toBe(queue);
      return gone;
    }
    case 'expire': {
      const over = expired(queue, next.nowMs);
      expect(over).toEqual(line.filter(({ expiresAtMs }) => expiresAtMs !== undefined && expiresAtMs <= next.nowMs));
      for (const item of over) leave(line, left, item.key);
      return over.reduce((rest, item) => remove(rest, item.key), queue);
    }
  }
}

/** Nothing leaves twice, and what left by any way never leaves by another. */
function leave(line: Waiting[], left: Set<string>, key: string): void {
  expect(left.has(key)).toBe(false);
  left.add(key);
  line.splice(
    line.findIndex((item) => item.key === key),
    1,
  );
}

describe('the queue', () => {
  it('loses nothing, doubles nothing, keeps its order, and reports the positions that it holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let queue: Queue<Waiting> = emptyQueue(capacity);
        const line: Waiting[] = [];
        const left = new Set<string>();
        steps.forEach((next, i) => {
          queue = apply(queue, line, next, left, `k${i}`);
          expect([...queue.items.values()]).toEqual(line);
          expect(isFull(queue)).toBe(line.length >= capacity);
          line.forEach(({ key }, place) => expect(positionOf(queue, key)).toBe(place + 1));
          for (const key of left) expect(positionOf(queue, key)).toBe(0);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('never holds more than its capacity, but for requests that were given back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let queue: Queue<Waiting> = emptyQueue(capacity);
        const line: Waiting[] = [];
        let givenBack = 0;
        steps.forEach((next, i) => {
          queue = apply(queue, line, next, new Set(), `k${i}`);
          if (next.what === 'giveBack') givenBack++;
          expect(queue.items.size).toBeLessThanOrEqual(capacity + givenBack);
          expect(queue.capacity).toBe(capacity);
        });
      }),
    );
  });

  it('is a value: what was read from it before a change stays as it was', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        let queue: Queue<Waiting> = emptyQueue(capacity);
        const line: Waiting[] = [];
        steps.forEach((next, i) => {
          const before = queue;
          const copy = [...before.items];
          queue = apply(queue, line, next, new Set(), `k${i}`);
          expect([...before.items]).toEqual(copy);
        });
      }),
    );
  });
});
