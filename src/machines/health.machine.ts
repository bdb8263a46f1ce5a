/**
 * Samples the health of this machine every 2 s. Child of services, permanent; rules/health.ts decides what the samples
 * mean. Invariant: one sample at a time, each published once.
 */
import { setup } from 'xstate';
import { nextHealth, type Health, type HealthSample, type PublicHealth } from '../rules/health.js';
import { maxMicrosteps } from '../runtime/limits.js';

export const sampleMs = 2_000;

export interface HealthInput {
  /** The last published health, so that a restart does not report a machine as idle that its owner is using. */
  readonly published: () => PublicHealth;
}

export type HealthEvent = { type: 'health.sampled'; sample: HealthSample } | { type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as Health, events: {} as HealthEvent, input: {} as HealthInput },
  actions: {
    /** Answered by `health.sampled`. */
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
    /** The answer is immediate; the timeout is for a system that does not respond. */
    sampling: {
      entry: 'sample',
      on: { 'health.sampled': { target: 'resting', actions: ['judge', 'publish'] } },
      after: { sampleMs: 'resting' },
    },
    stopped: { type: 'final' },
  },
});
