/**
 * The state of the machine this worker runs on, from samples 2 s apart. A state is left only when two samples in a row say
 * so, so that it does not flap.
 */
import { setup } from 'xstate';
import { healthScore, healthState, type HealthSample, type HealthState } from '../rules/health.js';

export const SAMPLE_MS = 2_000;

export interface HealthContext {
  readonly score: number;
  readonly capacity: number;
  readonly state: HealthState;
  /** What the last sample said, where that was not `state`. */
  readonly doubt: boolean;
}

export type HealthEvent = { type: 'health.sampled'; sample: HealthSample } | { type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as HealthContext, events: {} as HealthEvent },
  actions: {
    /** Answers with `health.sampled`. */
    sample: () => {},
    publish: () => {},
  },
  delays: { sampleMs: SAMPLE_MS },
});

const judge = base.assign(({ context, event }) => {
  if (event.type !== 'health.sampled') return {};
  const score = healthScore(event.sample);
  const { state, capacity } = healthState(score);
  if (state === context.state) return { score, doubt: false };
  return context.doubt ? { score, state, capacity, doubt: false } : { score, doubt: true };
});

export const healthMachine = base.extend({ actions: { judge } }).createMachine({
  id: 'health',
  context: { score: 100, capacity: 100, state: 'idle', doubt: false },
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
