import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor, setup, type AnyStateMachine } from 'xstate';
import { claimMachine } from '../../../src/machines/claim.machine.js';
import { chartTable, ChartRun } from '../../../src/runtime/chart-table.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

const context = { expiresInMs: 900_000, timesJudged: 3, timesAnnounced: 2 };
const events = [
  ...['accepted', 'deferred', 'rejected'].map((what) => `claim.${what}`),
  'attestation.signed',
  'certificate.stored',
  'certificate.notStored',
];

/** Both forms of a chart, and what each does. */
function pair(machine: AnyStateMachine, effects: readonly string[]) {
  const ends: string[] = [];
  const did = { actor: [] as string[], run: [] as string[] };
  const clocks = { actor: new VirtualClock(), run: new VirtualClock() };
  const actions = Object.fromEntries(effects.map((name) => [name, () => void did.actor.push(name)]));
  const actor = createActor(machine.provide({ actions } as never), { clock: clocks.actor, input: context });
  const run = new ChartRun(
    chartTable(machine),
    {
      effects: Object.fromEntries(effects.map((name) => [name, () => void did.run.push(name)])),
      after(delayMs, fn) {
        const timer = clocks.run.setTimeout(fn, delayMs);
        return () => clocks.run.clearTimeout(timer);
      },
      ended: (_, state) => void ends.push(state),
    },
    context,
  );
  actor.start();
  run.start();
  return { actor, run, did, clocks, ends };
}

const innermost = (value: unknown): string =>
  typeof value === 'string' ? value : innermost(Object.values(value as object)[0]);

describe('a chart as a table', () => {
  it('does what an actor of the same machine does, whatever comes', () => {
    const step = fc.oneof(fc.constantFrom('quorum.reached', 'nobody.knows', ...events), fc.nat(40_000));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: 'max' }), (steps) => {
        const { actor, run, did, clocks, ends } = pair(claimMachine, ['judge', 'sign', 'announce', 'store']);
        for (const each of steps) {
          if (typeof each === 'number') {
            clocks.actor.advance(each);
            clocks.run.advance(each);
          } else {
            if (actor.getSnapshot().status === 'active') actor.send({ type: each });
            run.send(each);
          }
          const { value, status } = actor.getSnapshot() as { value: unknown; status: string };
          expect(run.state).toBe(innermost(value));
          expect(did.run).toEqual(did.actor);
          expect(ends).toEqual(status === 'done' ? [run.state] : []);
          expect(clocks.run.pending).toBe(clocks.actor.pending);
        }
      }),
    );
  });

  it('takes what an effect sends after the step that it is part of', () => {
    const did: string[] = [];
    const run: ChartRun<typeof context> = new ChartRun(
      chartTable(claimMachine),
      {
        effects: {
          judge: () => {
            run.send('claim.accepted');
            did.push(`judged in ${run.state}`);
          },
          sign: () => void did.push(`signs in ${run.state}`),
        },
        after: () => () => {},
        ended: () => {},
      },
      context,
    );
    run.start();
    expect(did).toEqual(['judged in judging', 'signs in signing']);
  });

  it('does nothing any more once it is stopped, and leaves no timer behind', () => {
    const { run, did, clocks } = pair(claimMachine, ['judge', 'sign']);
    run.stop();
    run.send('claim.accepted');
    expect([did.run, clocks.run.pending]).toEqual([['judge'], 0]);
  });

  it('refuses a machine that decides by itself', () => {
    const guarded = setup({ guards: { may: () => true } }).createMachine({ on: { go: { guard: 'may' } } });
    expect(() => chartTable(guarded)).toThrow("'go' is guarded");
    const always = setup({}).createMachine({ initial: 'a', states: { a: { always: 'b' }, b: {} } });
    expect(() => chartTable(always)).toThrow("'always' depends on a context");
  });
});
