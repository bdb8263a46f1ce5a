/**
 * A model that this worker was told to serve: found, or fetched; hashed, tried in a disposable engine, given to its engine, and offered to
 * the mesh. Child of models, permanent.
 *
 * Invariants: nothing reaches an engine, or another node, that was not whole, hashed, and either built here or survived a probe. What was
 * fetched and did not survive it is not kept.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';
import { fetchMachine } from './fetch.machine.js';
import type { FetchedModel, FetchOutcome } from './fetch.js';
import type { ServedModel } from './model.js';

export interface ModelContext {
  /** As the user wrote it: a name, a SHA-256, an address or a path. */
  readonly wanted: string;
  /** '' before it is found. */
  readonly path: string;
  readonly fetched: FetchedModel | undefined;
  readonly model: ServedModel | undefined;
  readonly reason: string | undefined;
}

export type ModelEvent =
  | { type: 'file.found'; path: string }
  | { type: 'file.missing'; reason: string }
  /** `mustProbe` is false for a model that this program built, or that survived a probe before under the same hash. */
  | { type: 'file.verified'; model: ServedModel; mustProbe: boolean }
  | { type: 'turn.given' }
  | { type: 'file.probed' }
  | { type: 'file.refused'; reason: string }
  | { type: 'share.failed'; reason: string }
  | { type: 'xstate.done.actor.fetch'; output: FetchOutcome }
  /** The engine asks. */
  | { type: 'model.wanted' }
  | { type: 'sys.shutdown' };

/** One step of the way; says `file.…` when it is over. `path` is '' before the file is found. */
type StepLogic = GuardedLogic<{ readonly wanted: string; readonly path: string }, AnyEventObject>;

const leastProbeMs = 120_000;
/** 50 MB/s. A good model of 40 GB must not be taken for a bad one, and deleted, since its disk is slow. */
const slowDiskBytesPerMs = 50_000;

const base = setup({
  types: { context: {} as ModelContext, events: {} as ModelEvent, input: {} as { wanted: string } },
  actors: {
    locate: {} as StepLogic,
    fetch: fetchMachine,
    verify: {} as StepLogic,
    probe: {} as StepLogic,
    /** Says `turn.given` when this model may be tried, and holds the turn as long as it lives. */
    turn: {} as GuardedLogic<undefined, AnyEventObject>,
    /** Offers it to the mesh as long as it lives. */
    share: {} as GuardedLogic<{ readonly model: ServedModel | undefined }, AnyEventObject>,
  },
  actions: {
    announceMissing: () => {},
    announceReady: () => {},
    announceRefused: () => {},
    announceUnshared: () => {},
    rememberProbe: () => {},
    rememberFetch: () => {},
    /** Where it was fetched: the file, and those who offer it. */
    discardFetched: () => {},
  },
  guards: {
    mustProbe: ({ event }) => event.type === 'file.verified' && event.mustProbe,
    /** There is a mesh, or at least a hub. */
    canFetch: () => false,
    hasFetched: ({ event }) => event.type === 'xstate.done.actor.fetch' && event.output.kind === 'fetched',
    wasFetched: ({ context }) => context.fetched !== undefined,
  },
  delays: {
    /** A look at the models folder; the demo model is built in less. */
    locateMs: 60_000,
    /** A probe reads all weights and asks for one token. What takes longer than this is not for this machine. */
    probeMs: ({ context }) => leastProbeMs + Math.floor((context.model?.bytes ?? 0) / slowDiskBytesPerMs),
    /** SHA-256 of the largest model one would serve, from a slow disk. */
    verifyMs: 1_800_000,
    /** Nobody has it, or there is no room for it: until that is looked at again. */
    fetchAgainMs: 120_000,
    shareAgainMs: 10_000,
  },
});

const chart = base.extend({
  actions: {
    notePath: base.assign(({ event }) => (event.type === 'file.found' ? { path: event.path, fetched: undefined } : {})),
    noteFetched: base.assign(({ event }) =>
      event.type === 'xstate.done.actor.fetch' && event.output.kind === 'fetched'
        ? { path: event.output.model.path, fetched: event.output.model }
        : {},
    ),
    noteModel: base.assign(({ event }) => (event.type === 'file.verified' ? { model: event.model } : {})),
    noteReason: base.assign(({ event }) =>
      event.type === 'file.refused' || event.type === 'file.missing' ? { reason: event.reason } : {},
    ),
    blameFetch: base.assign(({ context, event }) =>
      event.type === 'xstate.done.actor.fetch' && event.output.kind === 'failed'
        ? { reason: [context.reason, ...event.output.reasons].join(' Then: ') }
        : {},
    ),
    blameSearch: base.assign({ reason: 'looking for the file took too long' }),
    blameReading: base.assign({ reason: 'reading the file took too long' }),
    blameProbe: base.assign({ reason: 'the trial of the model did not end in time' }),
  },
});

const step = ({ context }: { context: ModelContext }) => ({ wanted: context.wanted, path: context.path });

export const modelMachine = chart.createMachine({
  id: 'model',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({
    wanted: input.wanted,
    path: '',
    fetched: undefined,
    model: undefined,
    reason: undefined,
  }),
  initial: 'locating',
  on: {
    'sys.shutdown': '.stopped',
    'file.refused': { target: '.failed', actions: 'noteReason' },
  },
  states: {
    locating: {
      invoke: { id: 'locate', src: 'locate', input: step },
      on: {
        'file.found': { target: 'verifying', actions: 'notePath' },
        'file.missing': [
          { guard: 'canFetch', target: 'fetching', actions: ['noteReason', 'announceMissing'] },
          { target: 'failed', actions: 'noteReason' },
        ],
      },
      after: { locateMs: { target: 'failed', actions: 'blameSearch' } },
    },
    /** From the mesh or its address. No timeout here: the fetch has its own, and gives up by itself. */
    fetching: {
      invoke: { id: 'fetch', src: 'fetch', input: ({ context }) => ({ wanted: context.wanted }) },
      on: {
        'xstate.done.actor.fetch': [
          { guard: 'hasFetched', target: 'verifying', actions: ['noteFetched', 'rememberFetch'] },
          { target: 'lacking', actions: 'blameFetch' },
        ],
      },
    },
    verifying: {
      invoke: { id: 'verify', src: 'verify', input: step },
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
          invoke: { id: 'probe', src: 'probe', input: step },
          on: {
            'file.probed': { target: '#model.ready', actions: 'rememberProbe' },
            'file.refused': { target: '#model.condemned', actions: 'noteReason' },
          },
          after: {
            probeMs: { target: '#model.condemned', actions: 'blameProbe' },
          },
        },
      },
    },
    /** Nobody should load it. What the user put there stays; what was fetched goes, and may be had better elsewhere. */
    condemned: {
      always: [{ guard: 'wasFetched', target: 'lacking', actions: 'discardFetched' }, { target: 'failed' }],
    },
    ready: {
      entry: 'announceReady',
      on: { 'model.wanted': { actions: 'announceReady' } },
      initial: 'sharing',
      states: {
        /** No timeout: this is where a model that is served lives. */
        sharing: {
          invoke: { id: 'share', src: 'share', input: ({ context }) => ({ model: context.model }) },
          on: { 'share.failed': { target: 'unshared', actions: 'announceUnshared' } },
        },
        /** It is served all the same. */
        unshared: { after: { shareAgainMs: 'sharing' } },
      },
    },
    /** It could not be fetched this time. */
    lacking: { entry: 'announceRefused', after: { fetchAgainMs: 'locating' } },
    /** No timeout: nothing about this file changes by itself. The worker serves its other models. */
    failed: { entry: 'announceRefused' },
    stopped: { type: 'final' },
  },
});
