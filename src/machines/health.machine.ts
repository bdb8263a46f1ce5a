/**
 * The state of the machine this worker runs on, from samples 2 s apart. Child of services, permanent; what they mean is decided in
 * rules/health.ts. Invariant: one sample at a time, and each is published once.
 */
import { setup } from 'xstate';
import { nextHealth, type Health, type HealthSample, type PublicHealth } from '../rules/health.js';
import { maxMicrosteps } from '../runtime/limits.js';

export const sampleMs = 2_000;

export interface HealthInput {
  /** What was published last: one that restarts must not call a machine idle that its owner needs. */
  readonly published: () => PublicHealth;
}

export type HealthEvent = { type: 'health.sampled'; sample: HealthSample } | { type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as Health, events: {} as HealthEvent, input: {} as HealthInput },
  actions: {
    /** Answers with `health.sampled`. */
    sample: () => {},
    publish: () => {},
  },
  delays: { sampleMs },
});

const judge = base.assign(({ context, event }) =>
  event.type === 'health.sampled' ? nextHealth(context, event.sample) : {},
);

export const healthMachine = base.extend({ actions: { judge } }).createMachine({
  id: 'health',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({ ...input.published(), doubt: undefined }),
  initial: 'resting',
  on: { 'sys.shutdown': '.stopped' },
  states: {
    resting: { after: { sampleMs: 'sampling' } },
    /** The sample is taken at once; the timeout is for a system that does not answer. */
    sampling: {
      entry: 'sample',
      on: { 'health.sampled': { target: 'resting', actions: ['judge', 'publish'] } },
      after: { sampleMs: 'resting' },
    },
    stopped: { type: 'final' },
  },
});
