/**
 * The fetch of one model that is not on this machine: from the first source that can give it, each with what an earlier try left. Invoked by
 * the model's machine, or the root of a program that only fetches; its output says how it ended.
 *
 * Invariants: not a byte is fetched before it is known that there is room for all; nothing is put in its place that was not verified as a
 * whole; a source that fails, stalls or brings the wrong bytes is left for the next one, and when none is left, the reason of each is told.
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
  /** Why each source that was left, was left. */
  readonly reasons: readonly string[];
  /** Unless it failed. */
  readonly outcome: FetchOutcome | undefined;
}

export type FetchEvent =
  /** At least one. */
  | { type: 'sources.found'; sources: readonly ModelSource[] }
  | { type: 'room.found' }
  /** More arrived than ever before. */
  | { type: 'fetch.advanced' }
  /** All of it arrived. */
  | { type: 'fetch.arrived' }
  | { type: 'fetch.verified'; model: FetchedModel }
  /** By whatever runs: this source cannot give the model; or, before there are sources, nobody can. */
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
    /** Of the disk and the memory, with what is known before the first byte. */
    findRoom: {} as StepLogic,
    transfer: {} as StepLogic,
    /** Hashes the whole in a thread, and puts it in its place. */
    verify: {} as StepLogic,
  },
  actions: { announceSource: () => {}, announceStall: () => {} },
  guards: { hasSource: ({ context }) => context.sources.length > 0 },
  delays: {
    /** Seeders on this machine answer in 25 ms; on the other side of the world, within seconds. */
    findSourcesMs: 30_000,
    findRoomMs: 30_000,
    /** The slowest seeder that is not left has 120 s for a block (rules/model-fetch.ts). */
    stallMs: 125_000,
    /** From being told that it stalls until the source is left. */
    giveUpMs: 60_000,
    /** SHA-256 of the largest model one would serve, from a slow disk. */
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
    /** One source after the other. */
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
            /** Nobody sends. Seeders that do not answer are dropped meanwhile for others, and new ones may come. */
            stalled: {
              entry: 'announceStall',
              on: { 'fetch.advanced': 'moving' },
              after: {
                giveUpMs: { target: '#fetch.leaving', actions: 'blameStall' },
              },
            },
          },
        },
        /** What has arrived stays on the disk. No timeout: it is the user's word. */
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
/** As an interface, so that declarations of machines that invoke it can name it: spelled out, its type has XState's insides in it. */
export interface FetchMachine extends Machine {
  readonly id: string;
}

export const fetchMachine: FetchMachine = machine;
