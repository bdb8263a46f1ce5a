import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxOutstanding, onItsWayMs, Outstanding, outstandingMs } from '../../src/rules/outstanding.js';

type Step =
  | { readonly do: 'give'; readonly client: string }
  | { readonly do: 'ack'; readonly which: number }
  | { readonly do: 'wait'; readonly ms: number };

const step = fc.oneof(
  fc.record({ do: fc.constant('give' as const), client: fc.constantFrom('a', 'b') }),
  fc.record({ do: fc.constant('ack' as const), which: fc.nat() }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: outstandingMs / 2 }) }),
);

describe('outstanding results', () => {
  it('refuse exactly the clients with more than two that are due, and each result is given up once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps: Step[]) => {
        const books = new Outstanding();
        let open: { key: string; client: string; sinceMs: number }[] = [];
        let nowMs = 0;
        for (const [n, taken] of steps.entries()) {
          if (taken.do === 'wait') nowMs += taken.ms;
          else if (taken.do === 'give') {
            books.add(`${n}`, taken.client, nowMs);
            open.push({ key: `${n}`, client: taken.client, sinceMs: nowMs });
          } else {
            const [acked] = open.splice(taken.which % Math.max(1, open.length), 1);
            if (acked !== undefined) books.settle(acked.key);
          }
          const gone = open.filter(({ sinceMs }) => sinceMs + outstandingMs <= nowMs);
          open = open.filter((one) => !gone.includes(one));
          expect(books.expire(nowMs)).toEqual(gone.map(({ client }) => client));
          for (const client of ['a', 'b']) {
            const due = open.filter((one) => one.client === client && one.sinceMs + onItsWayMs <= nowMs);
            const refusedMs = books.refusedForMs(client, nowMs);
            expect(refusedMs > 0).toBe(due.length > maxOutstanding);
            // And no longer than said: when that is over, as many are left as are borne.
            const left = due.filter(({ sinceMs }) => sinceMs + outstandingMs > nowMs + refusedMs);
            if (refusedMs > 0) expect(left.length).toBeLessThanOrEqual(maxOutstanding);
            // Who waits for what is undecided is refused then and not before, if nothing comes.
            const undecidedMs = books.undecidedForMs(client, nowMs);
            const owed = open.filter((one) => one.client === client).length;
            expect(undecidedMs > 0).toBe(owed > maxOutstanding && refusedMs === 0);
            if (undecidedMs === 0) continue;
            expect(books.refusedForMs(client, nowMs + undecidedMs - 1)).toBe(0);
            expect(books.refusedForMs(client, nowMs + undecidedMs)).toBeGreaterThan(0);
          }
        }
      }),
    );
  });
});
