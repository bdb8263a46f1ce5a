/**
 * How many threads one engine computes with, so that the machine's owner keeps the cores their programs use
 * (rules/pace.ts). Child of the engine's group, after its slots; permanent.
 *
 * A computing engine reports its own and other programs' use some twice a second. While it is idle, all use of the
 * machine is other programs', and the samples of `health` report that. So watching an idle machine costs nothing, and
 * an engine that gets work while another program is busy starts with the right number of threads.
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
  /** A process is ready to compute, with the most threads it may have. */
  | { type: 'engine.ready' }
  /** It was given work. */
  | { type: 'engine.working' }
  /** Use measured by the engine while it computed. */
  | { type: 'engine.used'; sample: PaceSample }
  /** Use by all programs, this engine included. */
  | { type: 'machine.used'; sample: PaceSample }
  | { type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as PaceContext, events: {} as PaceEvent, input: {} as PaceLimits },
  actions: {
    /** Tells the engine how many threads to use. */
    setThreads: () => {},
  },
  guards: {
    changes: ({ context, event }) => 'sample' in event && next(context, event.sample).threads !== context.pace.threads,
  },
  delays: {
    /** A computing engine reports more than twice a second. */
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
        /** The next sample still includes the end of the engine's own work. */
        settling: { on: { 'machine.used': 'watching' } },
        /** No timeout here or above: without samples nothing changes. */
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
