/** A starting worker is up once, or hopeless once, whatever the order in which its parts come or fail; it waits a little for all its models. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patienceMs, Startup } from '../../../src/cli/worker/startup.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

const wanted = 2;
const steps = {
  meshed: (startup: Startup) => startup.meshed({ bootstrap: '127.0.0.1:1', holdsLocal: true }),
  meshFailed: (startup: Startup) => startup.meshFailed(new Error('the port is taken; free it')),
  loaded: (startup: Startup) => startup.loaded(['a model', 'another']),
  refused0: (startup: Startup) => startup.refused(0, 'no file'),
  refused1: (startup: Startup) => startup.refused(1, 'no GGUF'),
};
type Step = keyof typeof steps;

/** What should come of these steps: the first of the three that is complete. */
function expected(taken: readonly Step[]): string | undefined {
  const at = (step: Step) => (taken.includes(step) ? taken.indexOf(step) : Infinity);
  const ends = {
    up: Math.max(at('meshed'), at('loaded')),
    'the worker cannot join its mesh': at('meshFailed'),
    'no model can be served': Math.max(at('refused0'), at('refused1')),
  };
  const [first] = Object.entries(ends).sort(([, a], [, b]) => a - b);
  return first === undefined || first[1] === Infinity ? undefined : first[0];
}

it('says what comes first, and says it once', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...(Object.keys(steps) as Step[])), { maxLength: 12 }), (taken) => {
      const said: string[] = [];
      const on = { up: () => said.push('up'), hopeless: ({ what }: { what: string }) => said.push(what) };
      const startup = new Startup(wanted, on, new VirtualClock());
      for (const step of taken) steps[step](startup);
      const end = expected(taken);
      expect(said).toEqual(end === undefined ? [] : [end]);
    }),
    { numRuns: 2_000 },
  );
});

it('tells what each model was refused for, in their order, and what to do about a network', () => {
  const errors: { why: string; next: string }[] = [];
  const on = { up: () => {}, hopeless: ({ why, next }: { why: string; next: string }) => errors.push({ why, next }) };
  const start = () => new Startup(wanted, on, new VirtualClock());
  const models = start();
  models.refused(1, 'no GGUF');
  models.refused(0, 'no file');
  start().meshFailed(new Error('the port is taken; free it'));
  expect(errors).toEqual([
    { why: 'no file\n  no GGUF', next: expect.stringContaining('qmesh models list') },
    { why: 'the port is taken', next: 'Free it.' },
  ]);
});

describe('a worker of several models', () => {
  const begin = () => {
    const [clock, ups]: [VirtualClock, (readonly string[])[]] = [new VirtualClock(), []];
    const startup = new Startup(wanted, { up: ({ models }) => ups.push(models), hopeless: () => {} }, clock);
    startup.meshed({ bootstrap: '127.0.0.1:1', holdsLocal: true });
    startup.offered(['one']);
    expect(ups).toEqual([]); // none is loaded
    startup.loaded(['one']);
    clock.advance(patienceMs - 1);
    expect(ups).toEqual([]);
    return { clock, ups, startup };
  };

  it('is ready when the last can be asked for, in memory or not', () => {
    const { clock, ups, startup } = begin();
    startup.offered(['one', 'two']);
    clock.advance(patienceMs);
    expect(ups).toEqual([['one', 'two']]);
  });

  it('is ready when the last is refused', () => {
    const { ups, startup } = begin();
    startup.refused(1, 'no GGUF');
    expect(ups).toEqual([['one']]);
  });

  it('does not wait for one that takes long', () => {
    const { clock, ups } = begin();
    clock.advance(1);
    expect(ups).toEqual([['one']]);
  });
});
