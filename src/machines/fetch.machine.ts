/**
 * Fetches one model that is not on this machine, trying its sources in order. Each source continues with the bytes an
 * earlier one left. Invoked by the model's machine, or the root of a program that only fetches; its output says how it
 * ended.
 *
 * Invariants: no byte is fetched before there is known to be room for all of them; only a file that was verified as a
 * whole is put in place; a source that fails, stalls or sends wrong bytes is left for the next one, and if none is
 * left, the reason for each is reported.
 */
import { setup, type AnyEventObject } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';
import type { FetchedModel, FetchOutcome, ModelSource } from './fetch.js';

export interface FetchContext {
  /** As the user wrote it. */
  readonly wanted: string;
  /** The first is the one in use. */
  readonly sources: readonly ModelSource[];
  /** Why each abandoned source was abandoned. */
  readonly reasons: readonly string[];
  /** Undefined means it failed. */
  readonly outcome: FetchOutcome | undefined;
}

export type FetchEvent =
  /** At least one. */
  | { type: 'sources.found'; sources: readonly ModelSource[] }
  | { type: 'room.found' }
  /** More has arrived than ever before. */
  | { type: 'fetch.advanced' }
  /** All of it has arrived. */
  | { type: 'fetch.arrived' }
  | { type: 'fetch.verified'; model: FetchedModel }
  /** From whichever step runs: this source cannot provide the model; or, before there are sources, nobody can. */
  | { type: 'fetch.refused'; reason: string }
  | { type: 'fetch.paused' }
  | { type: 'fetch.resumed' }
  | { type: 'sys.shutdown' };

type StepLogic = GuardedLogic<{ readonly wanted: string; readonly source: ModelSource | undefined }, AnyEventObject>;

const base = setup({
  types: {
    context: {} as FetchContext,
    events: {} as FetchEvent,
    input: {} as { wanted: string },
    output: {} as FetchOutcome,
  },
  actors: {
    /** Asks the catalog and the mesh. */
    findSources: {} as GuardedLogic<{ readonly wanted: string }, AnyEventObject>,
    /** Checks disk and memory, with what is known before the first byte. */
    findRoom: {} as StepLogic,
    transfer: {} as StepLogic,
    /** Hashes the whole file in a thread, and puts it in place. */
    verify: {} as StepLogic,
  },
  actions: { announceSource: () => {}, announceStall: () => {} },
  guards: { hasSource: ({ context }) => context.sources.length > 0 },
  delays: {
    /** Seeders on this machine answer in 25 ms; those on the other side of the world, within seconds. */
    findSourcesMs: 30_000,
    findRoomMs: 30_000,
    /** Slightly more than the 120 s that an only seeder gets for a block (rules/model-fetch.ts). */
    stallMs: 125_000,
    /** From the report of a stall until the source is abandoned. */
    giveUpMs: 60_000,
    /** Enough for SHA-256 of the largest model one would serve, on a slow disk. */
    verifyMs: 1_800_000,
  },
});

const chart = base.extend({
  actions: {
    noteSources: base.assign(({ event }) => (event.type === 'sources.found' ? { sources: event.sources } : {})),
    noteModel: base.assign(({ event }) =>
      event.type === 'fetch.verified' ? { outcome: { kind: 'fetched', model: event.model } } : {},
    ),
    noteStopped: base.assign({ outcome: { kind: 'stopped' } }),
    noteReason: base.assign(({ context, event }) =>
      event.type === 'fetch.refused' ? { reasons: [...context.reasons, event.reason] } : {},
    ),
    blameSearch: base.assign(({ context }) => blame(context, 'nobody was found who has it')),
    blameDisk: base.assign(({ context }) => blame(context, 'the disk did not answer')),
    blameStall: base.assign(({ context }) => blame(context, 'it stalled: nobody sends')),
    blameReading: base.assign(({ context }) => blame(context, 'reading what was fetched took too long')),
    dropSource: base.assign(({ context }) => ({ sources: context.sources.slice(1) })),
  },
});

const blame = ({ reasons }: FetchContext, reason: string) => ({ reasons: [...reasons, reason] });

const step = ({ context }: { context: FetchContext }) => ({ wanted: context.wanted, source: context.sources[0] });

const machine = chart.createMachine({
  id: 'fetch',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({ wanted: input.wanted, sources: [], reasons: [], outcome: undefined }),
  initial: 'locating',
  on: { 'sys.shutdown': { target: '.stopped', actions: 'noteStopped' } },
  states: {
    locating: {
      invoke: { id: 'findSources', src: 'findSources', input: ({ context }) => ({ wanted: context.wanted }) },
      on: {
        'sources.found': { target: 'trying', actions: 'noteSources' },
        'fetch.refused': { target: 'failed', actions: 'noteReason' },
      },
      after: {
        findSourcesMs: { target: 'failed', actions: 'blameSearch' },
      },
    },
    /** One source after another. */
    trying: {
      initial: 'checking',
      on: { 'fetch.refused': { target: 'leaving', actions: 'noteReason' } },
      states: {
        checking: {
          entry: 'announceSource',
          invoke: { id: 'findRoom', src: 'findRoom', input: step },
          on: { 'room.found': 'fetching' },
          after: {
            findRoomMs: { target: '#fetch.leaving', actions: 'blameDisk' },
          },
        },
        fetching: {
          invoke: { id: 'transfer', src: 'transfer', input: step },
          on: { 'fetch.arrived': '#fetch.verifying', 'fetch.paused': 'paused' },
          initial: 'moving',
          states: {
            moving: {
              on: { 'fetch.advanced': { target: 'moving', reenter: true } },
              after: { stallMs: 'stalled' },
            },
            /** Nothing arrives. Meanwhile unresponsive seeders are replaced, and new ones may appear. */
            stalled: {
              entry: 'announceStall',
              on: { 'fetch.advanced': 'moving' },
              after: {
                giveUpMs: { target: '#fetch.leaving', actions: 'blameStall' },
              },
            },
          },
        },
        /** What has arrived stays on disk. No timeout: the user decides. */
        paused: { on: { 'fetch.resumed': 'checking' } },
      },
    },
    leaving: {
      entry: 'dropSource',
      always: [{ guard: 'hasSource', target: 'trying' }, { target: 'failed' }],
    },
    verifying: {
      invoke: { id: 'verify', src: 'verify', input: step },
      on: {
        'fetch.verified': { target: 'done', actions: 'noteModel' },
        'fetch.refused': { target: 'leaving', actions: 'noteReason' },
      },
      after: {
        verifyMs: { target: 'leaving', actions: 'blameReading' },
      },
    },
    done: { type: 'final' },
    failed: { type: 'final' },
    stopped: { type: 'final' },
  },
  output: ({ context }) => context.outcome ?? { kind: 'failed', reasons: context.reasons },
});

type Machine = typeof machine;
/**
 * An interface, so that declarations of machines that invoke it can name it: spelled out, its type exposes XState's
 * internals.
 */
export interface FetchMachine extends Machine {
  readonly id: string;
}

export const fetchMachine: FetchMachine = machine;
