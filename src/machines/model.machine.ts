/**
 * A model that this worker was told to serve: found or fetched, hashed, tried in a disposable engine, handed to its
 * engine, and shared with the mesh. Child of models, permanent.
 *
 * Invariants: nothing reaches an engine or another node unless it is complete, hashed, and either built here or
 * survived a probe; a fetched file that failed its probe is not kept. A probe that was killed from outside is no failure
 * of the file.
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
  /** '' until it is found. */
  readonly path: string;
  readonly fetched: FetchedModel | undefined;
  readonly model: ServedModel | undefined;
  readonly reason: string | undefined;
  /** Probes that something outside has killed. */
  readonly killedProbes: number;
}

export type ModelEvent =
  | { type: 'file.found'; path: string }
  | { type: 'file.missing'; reason: string }
  /** `mustProbe` is false for a model this program built, or one with the same hash that survived a probe before. */
  | { type: 'file.verified'; model: ServedModel; mustProbe: boolean }
  | { type: 'turn.given' }
  | { type: 'file.probed' }
  | { type: 'file.refused'; reason: string }
  /** By somebody, or by a system out of memory: that says nothing about the file. */
  | { type: 'probe.killed' }
  | { type: 'share.failed'; reason: string }
  | { type: 'xstate.done.actor.fetch'; output: FetchOutcome }
  /** The engine asks for it. */
  | { type: 'model.wanted' }
  | { type: 'sys.shutdown' };

/** One step; sends `file.…` when done. `path` is '' until the file is found. */
type StepLogic = GuardedLogic<{ readonly wanted: string; readonly path: string }, AnyEventObject>;

/** A machine that is out of memory now may have some in half a minute. */
const maxKilledProbes = 3;
const leastProbeMs = 120_000;
/** 50 MB/s. A good model of 40 GB must not be condemned, and deleted, because its disk is slow. */
const slowDiskBytesPerMs = 50_000;

const base = setup({
  types: { context: {} as ModelContext, events: {} as ModelEvent, input: {} as { wanted: string } },
  actors: {
    locate: {} as StepLogic,
    fetch: fetchMachine,
    verify: {} as StepLogic,
    probe: {} as StepLogic,
    /** Sends `turn.given` when this model may be tried, and holds the turn as long as it lives. */
    turn: {} as GuardedLogic<undefined, AnyEventObject>,
    /** Shares it with the mesh as long as it lives. */
    share: {} as GuardedLogic<{ readonly model: ServedModel | undefined }, AnyEventObject>,
  },
  actions: {
    announceMissing: () => {},
    announceReady: () => {},
    announceRefused: () => {},
    announceUnshared: () => {},
    announceKilled: () => {},
    rememberProbe: () => {},
    rememberFetch: () => {},
    /** If it was fetched: deletes the file, and refuses the seeders that offer it. */
    discardFetched: () => {},
  },
  guards: {
    mustProbe: ({ event }) => event.type === 'file.verified' && event.mustProbe,
    /** Whether there is a mesh, or at least a hub. */
    canFetch: () => false,
    hasFetched: ({ event }) => event.type === 'xstate.done.actor.fetch' && event.output.kind === 'fetched',
    wasFetched: ({ context }) => context.fetched !== undefined,
    mayProbeAgain: ({ context }) => context.killedProbes + 1 < maxKilledProbes,
  },
  delays: {
    /** A look at the models folder; building the demo model takes less. */
    locateMs: 60_000,
    /** A probe reads all weights and generates one token. A model that takes longer does not suit this machine. */
    probeMs: ({ context }) => leastProbeMs + Math.floor((context.model?.bytes ?? 0) / slowDiskBytesPerMs),
    probeAgainMs: 30_000,
    /** Enough for SHA-256 of the largest model one would serve, on a slow disk. */
    verifyMs: 1_800_000,
    /** Nobody has it, or there is no room for it. Checked again after this. */
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
    countKilled: base.assign({ killedProbes: ({ context }) => context.killedProbes + 1 }),
    blameKiller: base.assign({
      reason: `its trial was killed ${maxKilledProbes} times from outside, most likely because memory ran out; free some, and start the worker again`,
    }),
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
    killedProbes: 0,
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
    /** From the mesh or its address. No timeout here: the fetch has its own. */
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
    /**
     * In a disposable engine: a file that kills it is refused, and this worker is unaffected. A few models at a time.
     */
    trying: {
      invoke: { id: 'turn', src: 'turn' },
      initial: 'waiting',
      states: {
        /** No timeout: each model ahead in line has its own. */
        waiting: { on: { 'turn.given': 'probing' } },
        probing: {
          invoke: { id: 'probe', src: 'probe', input: step },
          on: {
            'file.probed': { target: '#model.ready', actions: 'rememberProbe' },
            'file.refused': { target: '#model.condemned', actions: 'noteReason' },
            'probe.killed': [
              { guard: 'mayProbeAgain', target: 'killed', actions: ['countKilled', 'announceKilled'] },
              { target: '#model.failed', actions: 'blameKiller' },
            ],
          },
          after: {
            probeMs: { target: '#model.condemned', actions: 'blameProbe' },
          },
        },
        killed: { after: { probeAgainMs: 'probing' } },
      },
    },
    /**
     * Not to be loaded. A file the user put there stays; a fetched one is deleted, and may be fetched again from
     * another source.
     */
    condemned: {
      always: [{ guard: 'wasFetched', target: 'lacking', actions: 'discardFetched' }, { target: 'failed' }],
    },
    ready: {
      entry: 'announceReady',
      on: { 'model.wanted': { actions: 'announceReady' } },
      initial: 'sharing',
      states: {
        /** No timeout: a served model stays here. */
        sharing: {
          invoke: { id: 'share', src: 'share', input: ({ context }) => ({ model: context.model }) },
          on: { 'share.failed': { target: 'unshared', actions: 'announceUnshared' } },
        },
        /** It is served anyway. */
        unshared: { after: { shareAgainMs: 'sharing' } },
      },
    },
    /** It could not be fetched this time. */
    lacking: { entry: 'announceRefused', after: { fetchAgainMs: 'locating' } },
    /** No timeout: this file will not change by itself. The worker serves its other models. */
    failed: { entry: 'announceRefused' },
    stopped: { type: 'final' },
  },
});
