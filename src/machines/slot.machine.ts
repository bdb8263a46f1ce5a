/**
 * A slot: one sequence of an engine's context, and the run in it. Child of the engine's slots supervisor.
 *
 * Invariants: one run at a time; the scheduler receives exactly one end for every run (`run.ended`, `run.failed`,
 * `run.lost`). If this actor crashed, the engine sends `run.lost` for it when the next incarnation reports.
 *
 * Tokens do not pass through here: they go from the engine's messages to the peer's writer (docs/architecture.md).
 */
import { setup } from 'xstate';
import { unknownPaceMs } from '../rules/wedge.js';
import { maxMicrosteps } from '../runtime/limits.js';
import type { RunFailure, RunOrder, RunUsage } from './run.js';

export type SlotEvent =
  | { type: 'engine.ready'; model: string }
  /** The engine is gone. Sent to every slot before any of them receives `engine.lost`. */
  | { type: 'engine.leaving' }
  | { type: 'engine.lost' }
  /** Sent by a scheduler that restarted and knows nothing: report your state. A run from before is cancelled. */
  | { type: 'slot.report' }
  | { type: 'slot.run'; order: RunOrder }
  | { type: 'slot.cancel'; run: string }
  | { type: 'run.started'; run: string; promptTokens: number }
  /** A sign of progress. `patienceMs`: how long the next one may take, by the pace of this run (rules/wedge.ts). */
  | { type: 'run.progress'; run: string; patienceMs: number }
  | { type: 'run.firstToken'; run: string }
  | { type: 'run.ended'; run: string; usage: RunUsage }
  | { type: 'run.failed'; run: string; failure: RunFailure }
  | { type: 'sys.shutdown' };

export interface SlotContext {
  /** SHA-256 of the model the engine holds. */
  readonly model: string;
  readonly run: string | undefined;
  /** After this long without a sign the slot is wedged. */
  readonly patienceMs: number;
}

const base = setup({
  types: { context: {} as SlotContext, events: {} as SlotEvent },
  actions: {
    /** Tells the engine that this slot exists; it answers `engine.ready` as soon as the sequence is free. */
    greetEngine: () => {},
    /** Offers the sequence to the scheduler. */
    offer: () => {},
    /** Withdraws the offer. */
    withdraw: () => {},
    startRun: (_, _params: { order: RunOrder }) => {},
    cancelRun: () => {},
    /** Passes a report of the run to the scheduler. */
    report: () => {},
    /** Tells the scheduler that the run died with the engine. */
    reportLost: () => {},
    /** Refuses an order that arrived while this slot could not take it. */
    refuse: (_, _params: { order: RunOrder }) => {},
    /** The engine answers pings but produces no tokens: only a new process helps. */
    restartEngine: () => {},
  },
  guards: {
    /** Ignores late news of an earlier run. */
    ofThisRun: ({ context, event }) => 'run' in event && event.run === context.run,
    gaveUp: ({ context, event }) =>
      event.type === 'run.failed' && event.run === context.run && event.failure.code === 'slot_failed',
  },
  delays: {
    /**
     * The wait is split in two, so that what the engine has sent is read in between: after this process was stopped or
     * the machine slept, the first timer is overdue before anything has been read.
     */
    halfPatienceMs: ({ context }) => context.patienceMs / 2,
    patienceMs: ({ context }) => context.patienceMs,
    greetingMs: 1_000,
    faultMs: 200,
    restartMs: 10_000,
  },
});

const chart = base.extend({
  actions: {
    noteModel: base.assign(({ event }) => (event.type === 'engine.ready' ? { model: event.model } : {})),
    noteRun: base.assign(({ event }) =>
      event.type === 'slot.run' ? { run: event.order.run, patienceMs: unknownPaceMs } : {},
    ),
    notePatience: base.assign(({ event }) => (event.type === 'run.progress' ? { patienceMs: event.patienceMs } : {})),
  },
});

/** Every sign of the run returns to `heard`; without one, both halves of its patience elapse. */
const watched = {
  initial: 'heard',
  states: {
    heard: { after: { halfPatienceMs: 'quiet' } },
    quiet: { after: { halfPatienceMs: '#slot.wedged' } },
  },
} as const;

export const slotMachine = chart.createMachine({
  id: 'slot',
  options: { maxIterations: maxMicrosteps },
  context: { model: '', run: undefined, patienceMs: unknownPaceMs },
  initial: 'offline',
  on: {
    'sys.shutdown': '.stopped',
    'engine.lost': '.offline',
    'slot.run': { actions: { type: 'refuse', params: ({ event }) => ({ order: event.order }) } },
  },
  states: {
    /** No engine, or one that is still ending the run of an earlier incarnation. Asks again until it gets an answer. */
    offline: {
      entry: 'greetEngine',
      on: { 'engine.ready': { target: 'idle', actions: 'noteModel' } },
      after: { greetingMs: { target: 'offline', reenter: true } },
    },
    /** No timeout: a free slot waits for work. */
    idle: {
      entry: 'offer',
      exit: 'withdraw',
      on: {
        'slot.report': { actions: 'offer' },
        /** The offer is withdrawn before another slot reports its lost run, so that this slot is not assigned to it. */
        'engine.leaving': 'offline',
        'slot.run': {
          target: 'busy',
          actions: ['noteRun', { type: 'startRun', params: ({ event }) => ({ order: event.order }) }],
        },
      },
    },
    busy: {
      initial: 'prefilling',
      on: {
        'engine.lost': { target: 'offline', actions: 'reportLost' },
        'slot.cancel': { guard: 'ofThisRun', actions: 'cancelRun' },
        'slot.report': { target: 'releasing', actions: 'cancelRun' },
        'run.ended': { guard: 'ofThisRun', target: 'idle', actions: 'report' },
        'run.failed': [
          { guard: 'gaveUp', target: 'faulted', actions: 'report' },
          { guard: 'ofThisRun', target: 'idle', actions: 'report' },
        ],
      },
      states: {
        prefilling: {
          on: {
            'run.started': { guard: 'ofThisRun', actions: 'report' },
            'run.progress': { guard: 'ofThisRun', target: '.heard', actions: 'notePatience' },
            'run.firstToken': { guard: 'ofThisRun', target: 'decoding', actions: 'report' },
          },
          ...watched,
        },
        decoding: {
          on: { 'run.progress': { guard: 'ofThisRun', target: '.heard', actions: 'notePatience' } },
          ...watched,
        },
      },
    },
    /** A run nobody wants any more still occupies the sequence. */
    releasing: {
      on: {
        'run.ended': { guard: 'ofThisRun', target: 'idle' },
        'run.failed': { guard: 'ofThisRun', target: 'idle' },
      },
      after: { patienceMs: 'wedged' },
    },
    /** The engine gave up on this run. A short pause keeps a run that always fails from spinning. */
    faulted: { after: { faultMs: 'idle' } },
    wedged: {
      entry: ['restartEngine', 'reportLost'],
      on: { 'engine.lost': 'offline' },
      after: { restartMs: 'offline' },
    },
    stopped: { type: 'final' },
  },
});
