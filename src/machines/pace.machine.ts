/**
 * How many threads one engine computes with, so that the machine's owner keeps the cores he takes (rules/pace.ts). Child of the engine's
 * group, after its slots; permanent.
 *
 * While the engine computes it tells by itself, some twice a second, what it and the others used. While it rests, what the
 * whole machine does is what the others do, and the samples of `health` say that: so watching a resting machine costs
 * nothing, and an engine that is given work beside a busy program starts with the right number.
 *
 * Invariant: the engine is told after each change, and after each start of its process.
 */
import { setup } from 'xstate';
import { fullPace, nextPace, type Pace, type PaceLimits, type PaceSample } from '../rules/pace.js';
import { maxMicrosteps } from '../runtime/limits.js';

export interface PaceContext {
  readonly limits: PaceLimits;
  readonly pace: Pace;
}

export type PaceEvent =
  /** A process is ready to compute, with the most threads that it may have. */
  | { type: 'engine.ready' }
  /** It was given work. */
  | { type: 'engine.working' }
  /** What it saw while it computed. */
  | { type: 'engine.used'; sample: PaceSample }
  /** What all programs used, this engine included. */
  | { type: 'machine.used'; sample: PaceSample }
  | { type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as PaceContext, events: {} as PaceEvent, input: {} as PaceLimits },
  actions: {
    /** Tells the engine how many threads it may use. */
    setThreads: () => {},
  },
  guards: {
    changes: ({ context, event }) => 'sample' in event && next(context, event.sample).threads !== context.pace.threads,
  },
  delays: {
    /** An engine that computes speaks more than twice a second. */
    silentMs: 1_500,
  },
});

const next = ({ pace, limits }: PaceContext, sample: PaceSample): Pace => nextPace(pace, sample, limits);

const chart = base.extend({
  actions: {
    judge: base.assign(({ context, event }) => ('sample' in event ? { pace: next(context, event.sample) } : {})),
  },
});

export const paceMachine = chart.createMachine({
  id: 'pace',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({ limits: input, pace: fullPace(input) }),
  entry: 'setThreads',
  initial: 'resting',
  on: {
    'sys.shutdown': '.stopped',
    'engine.ready': { actions: 'setThreads' },
    'engine.working': '.computing',
    'engine.used': [
      { guard: 'changes', target: '.computing', actions: ['judge', 'setThreads'] },
      { target: '.computing', actions: 'judge' },
    ],
  },
  states: {
    resting: {
      initial: 'settling',
      states: {
        /** The next sample still holds the end of what the engine computed. */
        settling: { on: { 'machine.used': 'watching' } },
        /** No timeout, here or above: while nobody samples the machine, nothing changes. */
        watching: {
          on: {
            'machine.used': [{ guard: 'changes', actions: ['judge', 'setThreads'] }, { actions: 'judge' }],
          },
        },
      },
    },
    computing: { after: { silentMs: 'resting' } },
    stopped: { type: 'final' },
  },
});
