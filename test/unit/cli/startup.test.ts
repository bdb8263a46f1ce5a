/** A starting worker is up once, or hopeless once, whatever the order in which its parts come or fail. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Startup } from '../../../src/cli/worker/startup.js';

const wanted = 2;
const steps = {
  meshed: (startup: Startup) => startup.meshed({ bootstrap: '127.0.0.1:1', holdsLocal: true }),
  meshFailed: (startup: Startup) => startup.meshFailed(new Error('the port is taken; free it')),
  loaded: (startup: Startup) => startup.loaded(['a model']),
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
      const startup = new Startup(wanted, { up: () => said.push('up'), hopeless: ({ what }) => said.push(what) });
      for (const step of taken) steps[step](startup);
      const end = expected(taken);
      expect(said).toEqual(end === undefined ? [] : [end]);
    }),
    { numRuns: 2_000 },
  );
});

it('tells what each model was refused for, in their order, and what to do about a network', () => {
  const errors: { why: string; next: string }[] = [];
  const start = () => new Startup(wanted, { up: () => {}, hopeless: ({ why, next }) => errors.push({ why, next }) });
  const models = start();
  models.refused(1, 'no GGUF');
  models.refused(0, 'no file');
  start().meshFailed(new Error('the port is taken; free it'));
  expect(errors).toEqual([
    { why: 'no file\n  no GGUF', next: expect.stringContaining('qmesh models list') },
    { why: 'the port is taken', next: 'Free it.' },
  ]);
});
