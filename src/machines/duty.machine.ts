/**
 * Whether this worker currently works for others: on duty, paused by its owner, or outside its schedule. rules/duty.ts
 * decides; this chart re-evaluates when there is reason to and announces changes. Child of services, permanent. The
 * owner's command is stored outside, so it survives a restart of this actor.
 *
 * Invariants: what is announced is what rules/duty.ts says at that moment; a change due to time is announced within
 * maxRestMs.
 */
import { setup } from 'xstate';
import type { Duty } from '../rules/duty.js';
import { maxMicrosteps } from '../runtime/limits.js';

/**
 * Re-evaluated at the schedule's next change, but at least this often: the machine's clock may be set, or its lid
 * closed.
 */
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
  /** The owner's command. Without `forMs` it lasts until `duty.resume`. */
  | { readonly type: 'duty.pause'; readonly forMs?: number | undefined }
  | { readonly type: 'duty.resume' }
  /** Sent by an actor that has just started and needs the current state. */
  | { readonly type: 'duty.report' }
  | { readonly type: 'sys.shutdown' };

const base = setup({
  types: { context: {} as DutyContext, events: {} as DutyEvent, input: {} as DutyInput },
  actions: {
    /** The owner's command takes effect now, and survives a restart. */
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

/** A state that lasts until its time is up or the clock was set. */
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
