/**
 * A model that this worker was told to serve: found, hashed, tried in a disposable engine, then given to its engine.
 * (Fetching one from the mesh or a hub puts its states between `locating` and `verifying`.)
 *
 * Invariant: nothing reaches an engine that was not whole, hashed, and either built here or survived a probe.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import type { ServedModel } from './model.js';

export interface ModelContext {
  /** As the user wrote it: a name or a path. */
  readonly wanted: string;
  readonly model: ServedModel | undefined;
  readonly reason: string | undefined;
}

export type ModelEvent =
  | { type: 'file.found'; path: string }
  /** `mustProbe` is false for a model that this program built, or that survived a probe before under the same hash. */
  | { type: 'file.verified'; model: ServedModel; mustProbe: boolean }
  | { type: 'turn.given' }
  | { type: 'file.probed' }
  | { type: 'file.refused'; reason: string }
  /** The engine asks. */
  | { type: 'model.wanted' }
  | { type: 'sys.shutdown' };

/** One step of the way; says `file.…` when it is over. `path` is '' before the file is found. */
type StepLogic = GuardedLogic<{ readonly wanted: string; readonly path: string }, AnyEventObject>;

const base = setup({
  types: { context: {} as ModelContext, events: {} as ModelEvent, input: {} as { wanted: string } },
  actors: {
    locate: {} as StepLogic,
    verify: {} as StepLogic,
    probe: {} as StepLogic,
    /** Says `turn.given` when this model may be tried, and holds the turn as long as it lives. */
    turn: {} as GuardedLogic<undefined, AnyEventObject>,
  },
  actions: { announceReady: () => {}, announceRefused: () => {}, rememberProbe: () => {} },
  guards: { mustProbe: ({ event }) => event.type === 'file.verified' && event.mustProbe },
  delays: {
    /** A look at the models folder; the demo model is built in less. */
    locateMs: 60_000,
    /** A probe loads the weights and asks for one token. What takes longer than this is not for this machine. */
    probeMs: 120_000,
    /** SHA-256 of the largest model one would serve, from a slow disk. */
    verifyMs: 1_800_000,
  },
});

const chart = base.extend({
  actions: {
    noteModel: base.assign(({ event }) => (event.type === 'file.verified' ? { model: event.model } : {})),
    noteReason: base.assign(({ event }) => (event.type === 'file.refused' ? { reason: event.reason } : {})),
    blameSearch: base.assign({ reason: 'looking for the file took too long' }),
    blameReading: base.assign({ reason: 'reading the file took too long' }),
    blameProbe: base.assign({ reason: 'the trial of the model did not end in time' }),
  },
});

export const modelMachine = chart.createMachine({
  id: 'model',
  context: ({ input }) => ({ wanted: input.wanted, model: undefined, reason: undefined }),
  initial: 'locating',
  on: {
    'sys.shutdown': '.stopped',
    'file.refused': { target: '.failed', actions: 'noteReason' },
  },
  states: {
    locating: {
      invoke: { id: 'locate', src: 'locate', input: ({ context }) => ({ wanted: context.wanted, path: '' }) },
      on: { 'file.found': 'verifying' },
      after: { locateMs: { target: 'failed', actions: 'blameSearch' } },
    },
    verifying: {
      invoke: {
        id: 'verify',
        src: 'verify',
        input: ({ context, event }) => ({
          wanted: context.wanted,
          path: event.type === 'file.found' ? event.path : '',
        }),
      },
      on: {
        'file.verified': [
          { guard: 'mustProbe', target: 'trying', actions: 'noteModel' },
          { target: 'ready', actions: 'noteModel' },
        ],
      },
      after: { verifyMs: { target: 'failed', actions: 'blameReading' } },
    },
    /** In an engine of its own: what kills that one is refused, and this worker does not notice. A few models at a time. */
    trying: {
      invoke: { id: 'turn', src: 'turn' },
      initial: 'waiting',
      states: {
        /** No timeout: those before it in the line have theirs. */
        waiting: { on: { 'turn.given': 'probing' } },
        probing: {
          invoke: {
            id: 'probe',
            src: 'probe',
            input: ({ context }) => ({ wanted: context.wanted, path: context.model?.path ?? '' }),
          },
          on: { 'file.probed': { target: '#model.ready', actions: 'rememberProbe' } },
          after: {
            probeMs: { target: '#model.failed', actions: 'blameProbe' },
          },
        },
      },
    },
    ready: { entry: 'announceReady', on: { 'model.wanted': { actions: 'announceReady' } } },
    failed: { entry: 'announceRefused' },
    stopped: { type: 'final' },
  },
});
