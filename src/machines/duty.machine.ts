/**
 * Whether this worker works for others: on duty, paused by its owner, or outside of its schedule. rules/duty.ts decides; this
 * chart looks when there is reason to, and tells the others what is new. Child of services, permanent; what the owner said lives
 * outside of it, so one that restarts knows.
 *
 * Invariants: what is announced is what rules/duty.ts says of that moment; a change that comes with time is announced within maxRestMs of it.
 */
import { setup } from 'xstate';
import type { Duty } from '../rules/duty.js';
import { maxMicrosteps } from '../runtime/limits.js';

/** At the next change of the schedule, but at least this often: somebody may set the machine's clock, or close its lid. */
const maxRestMs = 10_000;

export interface DutyInput {
  readonly dutyNow: () => Duty;
  /** Unix time. */
  readonly now: () => number;
}

export interface DutyContext extends DutyInput {
  readonly duty: Duty;
}

export type DutyEvent =
  /** The owner says so; without `forMs`, until `duty.resume`. */
  | { readonly type: 'duty.pause'; readonly forMs?: number | undefined }
  | { readonly type: 'duty.resume' }
  /** Somebody who started just now wants to know. */
  | { readonly type: 'duty.report' }
  | { readonly type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as DutyContext, events: {} as DutyEvent, input: {} as DutyInput },
  actions: {
    /** What the owner says counts from now on, also after a restart. */
    keepPause: (_, _params: { forMs: number | undefined }) => {},
    keepResume: () => {},
    announce: (_, _duty: Duty) => {},
  },
  guards: {
    isPaused: ({ context }) => context.duty.state === 'paused',
    isOffSchedule: ({ context }) => context.duty.state === 'off_schedule',
    isOver: ({ context }) => context.duty.untilMs !== undefined && context.now() >= context.duty.untilMs,
    isOther: ({ context }) => context.dutyNow().state !== context.duty.state,
  },
  delays: {
    restMs: ({ context: { duty, now } }) => Math.min(maxRestMs, Math.max(0, (duty.untilMs ?? Infinity) - now())),
  },
});

const chart = base.extend({ actions: { look: base.assign({ duty: ({ context }) => context.dutyNow() }) } });

const tellAll = { type: 'announce', params: ({ context }: { context: DutyContext }) => context.duty } as const;

/** A state that lasts until it is over, or the clock was set. */
const resting = <const Self extends string>(self: Self) =>
  ({
    after: {
      restMs: [
        { guard: 'isOver', target: 'looking' },
        { guard: 'isOther', target: 'looking' },
        { target: self, reenter: true },
      ],
    },
  }) as const;

export const dutyMachine = chart.createMachine({
  id: 'duty',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({ ...input, duty: input.dutyNow() }),
  initial: 'looking',
  on: {
    'duty.pause': {
      target: '.looking',
      actions: { type: 'keepPause', params: ({ event }) => ({ forMs: event.forMs }) },
    },
    'duty.resume': { target: '.looking', actions: 'keepResume' },
    'duty.report': { actions: tellAll },
    'sys.shutdown': '.stopped',
  },
  states: {
    looking: {
      entry: 'look',
      always: [
        { guard: 'isPaused', target: 'paused', actions: tellAll },
        { guard: 'isOffSchedule', target: 'offSchedule', actions: tellAll },
        { target: 'onDuty', actions: tellAll },
      ],
    },
    onDuty: resting('onDuty'),
    paused: resting('paused'),
    offSchedule: resting('offSchedule'),
    stopped: { type: 'final' },
  },
});
