/**
 * An engine: one forked process that holds one model, the failure domain of native code. Its process may die at any time;
 * this machine does not. Child of its engine group, beside the slots of its context. Whether its model is in memory is decided by
 * residency.machine.ts.
 *
 * A process may die of itself, or of a request that was sent to kill it. So deaths under requests are not held against the model: the
 * requests are (rules/blame.ts). But after any death the next process is given a prompt of ours before it is given anybody else's,
 * and one that does not survive that has died of itself.
 *
 * Invariants: at most one process at a time; slots are told `engine.ready` only while a model is loaded, and `engine.lost` after each
 * loss; after `deathsToQuarantine` deaths in a row of itself, no process is started again; the time between two starts grows with
 * each death of any kind, until a request comes to a good end.
 */
import { setup } from 'xstate';
import type { Residence } from '../rules/residency.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';
import type { LoadedModel, ServedModel } from './model.js';
import type { RunOrder } from './run.js';

export const deathsToQuarantine = 3;
/** Requests that kill their engine cannot make this machine start more of them than one in so long. */
const longestBackoffMs = 30_000;
/** An engine that has been up this long is no longer "at start": its next death counts from one again. */
const provenMs = 60_000;

export interface EngineContext {
  readonly model: ServedModel | undefined;
  readonly loaded: LoadedModel | undefined;
  /** Deaths in a row. */
  readonly deaths: number;
  /** Those of them with no request in it. */
  readonly ownDeaths: number;
  /** Why the last process ended, or why the model was refused: for people. */
  readonly reason: string | undefined;
}

export type EngineEvent =
  | { type: 'model.ready'; model: ServedModel }
  /** There is room for it in memory. */
  | { type: 'engine.load' }
  /** Another one needs the room. Nothing runs in it. */
  | { type: 'engine.unload' }
  /** It is not loaded now, and will be when it is asked for. */
  | { type: 'engine.stays' }
  /** The residency machine started anew, and does not know where this engine stands. */
  | { type: 'residence.asked' }
  | { type: 'process.up' }
  | { type: 'process.progress'; share: number }
  | { type: 'process.loaded'; loaded: LoadedModel }
  | { type: 'process.refused'; reason: string }
  /** `underRequest`: somebody's request ran in it. */
  | { type: 'process.exited'; reason: string; underRequest: boolean }
  /** A run came to a good end: this engine works. */
  | { type: 'process.proved' }
  /** A slot is wedged: the process must go. */
  | { type: 'engine.restart'; reason: string }
  /** A slot has (re)started, and wants to know. */
  | { type: 'slot.hello'; slot: number }
  | { type: 'slot.order'; slot: number; order: RunOrder }
  | { type: 'slot.cancel'; slot: number }
  /** From now on it computes with so many threads. */
  | { type: 'pace.changed'; threads: number }
  | { type: 'sys.shutdown' };

/** What the process actor is told by its engine. The words of slots and of the pace are handed on as they are. */
export type ProcessCommand =
  | { type: 'process.load'; model: ServedModel }
  /** A prompt of ours: it answers `process.proved`, or dies. */
  | { type: 'process.prove' }
  /** Greets the slot as soon as no run of an earlier incarnation holds its sequence. */
  | Extract<EngineEvent, { type: 'slot.hello' | 'slot.order' | 'slot.cancel' | 'pace.changed' }>
  | { type: 'process.stop' };

const base = setup({
  types: { context: {} as EngineContext, events: {} as EngineEvent },
  actors: { process: {} as GuardedLogic<undefined, ProcessCommand> },
  guards: {
    hopeless: ({ context }) => context.ownDeaths >= deathsToQuarantine,
    mustProve: ({ context }) => context.deaths > 0,
    underRequest: ({ event }) => event.type === 'process.exited' && event.underRequest,
  },
  actions: {
    askForModel: () => {},
    tellResidence: (_, _params: { residence: Residence }) => {},
    /** It can be asked for, though it is not loaded. */
    announceParked: () => {},
    /** Tells the scheduler that what runs in it is lost. */
    announceDeath: () => {},
    /** Tells every slot that there is no engine. */
    announceLost: () => {},
    announceReady: () => {},
    /** Says why the process ended: for people. */
    announceCrash: () => {},
    announceRefused: () => {},
    announceQuarantined: () => {},
  },
  delays: {
    askAgainMs: 1_000,
    startMs: 30_000,
    /** Without a sign of progress. Weights on a slow disk can take minutes, but llama.cpp reports on the way. */
    loadMs: 120_000,
    provenMs,
    stopMs: 5_000,
    proveMs: 30_000,
    /** 100 ms, 400 ms, 1.6 s, … */
    backoffMs: ({ context }) => Math.min(longestBackoffMs, 100 * 4 ** Math.max(0, context.deaths - 1)),
  },
});

const chart = base.extend({
  actions: {
    noteModel: base.assign(({ event }) =>
      event.type === 'model.ready' ? { model: event.model, deaths: 0, ownDeaths: 0, reason: undefined } : {},
    ),
    noteLoaded: base.assign(({ event }) =>
      event.type === 'process.loaded' ? { loaded: event.loaded, reason: undefined } : {},
    ),
    noteReason: base.assign(({ event }) => ('reason' in event ? { reason: event.reason } : {})),
    blameStart: base.assign({ reason: 'the engine process did not start in time' }),
    blameLoad: base.assign({ reason: 'loading the model made no progress' }),
    blameProof: base.assign({ reason: 'the model gave no token in time' }),
    countDeath: base.assign({ deaths: ({ context }) => context.deaths + 1, loaded: undefined }),
    countOwnDeath: base.assign({ ownDeaths: ({ context }) => context.ownDeaths + 1 }),
    forgetDeaths: base.assign({ deaths: 0, ownDeaths: 0 }),
    load: base.sendTo(
      'process',
      ({ context }) => ({ type: 'process.load', model: context.model as ServedModel }) satisfies ProcessCommand,
    ),
    prove: base.sendTo('process', { type: 'process.prove' } satisfies ProcessCommand),
    handOn: base.sendTo('process', ({ event }) => event),
    stop: base.sendTo('process', { type: 'process.stop' } satisfies ProcessCommand),
  },
});

const stands = (residence: Residence) => ({ type: 'tellResidence', params: { residence } }) as const;

export const engineMachine = chart.createMachine({
  id: 'engine',
  options: { maxIterations: maxMicrosteps },
  context: { model: undefined, loaded: undefined, deaths: 0, ownDeaths: 0, reason: undefined },
  initial: 'waiting',
  on: {
    'sys.shutdown': '.stopped',
    /** The slot has not yet heard that there is no engine. */
    'slot.order': { actions: 'announceLost' },
  },
  states: {
    /** For a model that is there, whole and harmless. Asks again, since the answer may have come before the question. */
    waiting: {
      entry: 'askForModel',
      on: { 'model.ready': { target: 'parked', actions: 'noteModel' } },
      after: { askAgainMs: { target: 'waiting', reenter: true } },
    },
    /** On the disk only, until there is room for it in memory, or somebody asks for it. No timeout: that is decided elsewhere. */
    parked: {
      entry: stands('parked'),
      on: {
        'engine.load': 'running',
        'engine.stays': { actions: 'announceParked' },
        'residence.asked': { actions: stands('parked') },
      },
    },
    running: {
      entry: stands('loading'),
      invoke: { id: 'process', src: 'process' },
      exit: ['announceDeath', 'announceLost'],
      initial: 'starting',
      on: {
        'residence.asked': { actions: stands('loading') },
        'process.exited': { target: 'crashed', actions: ['noteReason', 'countOwnDeath'] },
        'process.refused': { target: 'refused', actions: 'noteReason' },
        'engine.restart': { target: 'crashed', actions: ['noteReason', 'countOwnDeath'] },
        'sys.shutdown': '.draining',
      },
      states: {
        starting: {
          on: { 'process.up': 'loading' },
          after: { startMs: { target: '#engine.crashed', actions: ['blameStart', 'countOwnDeath'] } },
        },
        loading: {
          entry: 'load',
          on: {
            'process.progress': { target: 'loading.waiting' },
            'process.loaded': [
              { guard: 'mustProve', target: 'proving', actions: 'noteLoaded' },
              { target: 'ready', actions: 'noteLoaded' },
            ],
          },
          initial: 'waiting',
          states: {
            waiting: { after: { loadMs: { target: '#engine.crashed', actions: ['blameLoad', 'countOwnDeath'] } } },
          },
        },
        /** Its predecessor died: before anybody's request is risked, or blamed, it answers a prompt of ours. */
        proving: {
          entry: 'prove',
          on: { 'process.proved': 'ready' },
          after: { proveMs: { target: '#engine.crashed', actions: ['blameProof', 'countOwnDeath'] } },
        },
        /** No timeout of its own: the slots watch for tokens. */
        ready: {
          entry: ['announceReady', stands('loaded')],
          on: {
            'residence.asked': { actions: stands('loaded') },
            'engine.unload': 'unloading',
            'slot.hello': { actions: 'handOn' },
            'slot.order': { actions: 'handOn' },
            'slot.cancel': { actions: 'handOn' },
            'pace.changed': { actions: 'handOn' },
            'process.proved': { actions: 'forgetDeaths' },
            'process.exited': { guard: 'underRequest', target: '#engine.crashed', actions: 'noteReason' },
            /** A run in it was wedged. */
            'engine.restart': { target: '#engine.crashed', actions: 'noteReason' },
          },
          after: { provenMs: { actions: 'forgetDeaths' } },
        },
        /** Its memory is free when its process is gone. */
        unloading: {
          entry: ['announceLost', stands('leaving'), 'stop'],
          on: {
            'residence.asked': { actions: stands('leaving') },
            'process.exited': '#engine.parked',
            'process.refused': {},
            'engine.restart': {},
          },
          after: { stopMs: '#engine.parked' },
        },
        /** Whatever else happens to it, it is not started again. */
        draining: {
          entry: 'stop',
          on: {
            'process.exited': '#engine.stopped',
            'process.refused': {},
            'engine.restart': '#engine.stopped',
            'sys.shutdown': {},
          },
          after: { stopMs: '#engine.stopped' },
        },
      },
    },
    crashed: {
      entry: ['countDeath', 'announceCrash', stands('loading')],
      on: { 'residence.asked': { actions: stands('loading') } },
      always: { guard: 'hopeless', target: 'quarantined' },
      after: { backoffMs: 'running' },
    },
    /** llama.cpp said no, and why. No timeout: only another file under the same name may do better. */
    refused: {
      entry: 'announceRefused',
      on: { 'model.ready': { target: 'parked', actions: 'noteModel' } },
    },
    /** It killed its process again and again, by itself. No timeout: it stays so until the worker is restarted or the model replaced. */
    quarantined: {
      entry: 'announceQuarantined',
      on: { 'model.ready': { target: 'parked', actions: 'noteModel' } },
    },
    stopped: { type: 'final' },
  },
});
