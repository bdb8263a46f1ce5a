/**
 * An engine: one forked process that holds one model. It is the failure domain of native code: the process may die at
 * any time, this machine does not. Child of its engine group, beside the slots of its context. residency.machine.ts
 * decides whether its model is in memory.
 *
 * A process may die by itself, or because of a request crafted to kill it. Deaths under requests are therefore charged
 * to the requests (rules/blame.ts), not to the model. After any death the next process first gets a test prompt of our
 * own; if it does not survive that, it has died by itself.
 *
 * Invariants: at most one process at a time; slots receive `engine.ready` only while a model is loaded, and
 * `engine.lost` after each loss; after `deathsToQuarantine` deaths in a row by itself no process is started again; the
 * delay between two starts grows with each death of either kind, until a request ends well.
 */
import { setup } from 'xstate';
import type { Residence } from '../rules/residency.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';
import type { LoadedModel, ServedModel } from './model.js';
import type { RunOrder } from './run.js';

export const deathsToQuarantine = 3;
/** Requests that kill their engine cannot make this machine start a new one more often than this. */
const longestBackoffMs = 30_000;
/** An engine that has been up this long counts as stable: deaths are counted from zero again. */
const provenMs = 60_000;

export interface EngineContext {
  readonly model: ServedModel | undefined;
  readonly loaded: LoadedModel | undefined;
  /** Deaths in a row. */
  readonly deaths: number;
  /** Those of them without a request in the process. */
  readonly ownDeaths: number;
  /** Why the last process ended, or why the model was refused; meant for people. */
  readonly reason: string | undefined;
}

export type EngineEvent =
  | { type: 'model.ready'; model: ServedModel }
  /** There is room in memory for the model. */
  | { type: 'engine.load' }
  /** Another model needs the memory. Nothing runs in this one. */
  | { type: 'engine.unload' }
  /** The model is not loaded now, but will be when it is requested. */
  | { type: 'engine.stays' }
  /** The residency machine restarted and does not know the state of this engine. */
  | { type: 'residence.asked' }
  | { type: 'process.up' }
  | { type: 'process.progress'; share: number }
  | { type: 'process.loaded'; loaded: LoadedModel }
  | { type: 'process.refused'; reason: string }
  /** `underRequest`: a request was running in it. */
  | { type: 'process.exited'; reason: string; underRequest: boolean }
  /** A run ended well, so this engine works. */
  | { type: 'process.proved' }
  /** A slot is wedged; the process must be replaced. */
  | { type: 'engine.restart'; reason: string }
  /** A slot has (re)started and asks for the engine's state. */
  | { type: 'slot.hello'; slot: number }
  | { type: 'slot.order'; slot: number; order: RunOrder }
  | { type: 'slot.cancel'; slot: number }
  /** The number of threads to compute with from now on. */
  | { type: 'pace.changed'; threads: number }
  | { type: 'sys.shutdown' };

/** Commands from the engine to its process actor. Events of slots and of the pace are forwarded unchanged. */
export type ProcessCommand =
  | { type: 'process.load'; model: ServedModel }
  /** A test prompt of our own: the process answers `process.proved`, or dies. */
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
    /** The model can be requested although it is not loaded. */
    announceParked: () => {},
    /** Tells the scheduler that the runs in this engine are lost. */
    announceDeath: () => {},
    /** Tells every slot that there is no engine. */
    announceLost: () => {},
    announceReady: () => {},
    /** Reports why the process ended; meant for people. */
    announceCrash: () => {},
    announceRefused: () => {},
    announceQuarantined: () => {},
  },
  delays: {
    askAgainMs: 1_000,
    startMs: 30_000,
    /** Limit without progress. Weights on a slow disk can take minutes, but llama.cpp reports progress meanwhile. */
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
    /**
     * Waits for a model whose file is present, complete and harmless. Asks repeatedly, since the answer may have been
     * sent before the question.
     */
    waiting: {
      entry: 'askForModel',
      on: { 'model.ready': { target: 'parked', actions: 'noteModel' } },
      after: { askAgainMs: { target: 'waiting', reenter: true } },
    },
    /**
     * The model is only on disk, until there is room in memory or somebody requests it. No timeout: the residency
     * machine decides.
     */
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
        /** The previous process died. Before a request is risked or blamed, this one answers a test prompt. */
        proving: {
          entry: 'prove',
          on: { 'process.proved': 'ready' },
          after: { proveMs: { target: '#engine.crashed', actions: ['blameProof', 'countOwnDeath'] } },
        },
        /** No timeout: the slots watch for tokens. */
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
        /** The memory is free once the process is gone. */
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
        /** Whatever happens to the process, it is not started again. */
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
    /**
     * llama.cpp refused the model and gave a reason. No timeout: only a different file under the same name can help.
     */
    refused: {
      entry: 'announceRefused',
      on: { 'model.ready': { target: 'parked', actions: 'noteModel' } },
    },
    /**
     * The model repeatedly killed its process without a request. No timeout: it stays here until the worker is
     * restarted or the model replaced.
     */
    quarantined: {
      entry: 'announceQuarantined',
      on: { 'model.ready': { target: 'parked', actions: 'noteModel' } },
    },
    stopped: { type: 'final' },
  },
});
