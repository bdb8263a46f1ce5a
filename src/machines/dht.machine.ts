/**
 * The process's DHT node. Child of the networks supervisor, which restarts the topics together with it: a handle is
 * valid only while this actor lives. Opening is retried a few times. After that, or when an online node fails, this
 * actor fails with the reason.
 *
 * Invariants: one node at a time; a handle is given out only while its node is online.
 */
import { not, setup } from 'xstate';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';

export const maxOpenTries = 3;
/** Delay after the first try; it doubles with each further one. */
export const openBackoffMs = 500;

/** Opaque here; only actors look inside. */
export type DhtHandle = object;

export interface DhtContext {
  readonly dht: DhtHandle | undefined;
  readonly tries: number;
  readonly error: Error | undefined;
}

export type DhtMachineEvent =
  | { readonly type: 'dht.ready'; readonly dht: DhtHandle; readonly bootstrap: string; readonly holdsLocal: boolean }
  | { readonly type: 'dht.failed'; readonly error: Error }
  | { readonly type: 'dht.closed' }
  /** Answered with `dht.here` to the actor named `from`; not answered while there is no node. */
  | { readonly type: 'dht.get'; readonly from: string }
  | { readonly type: 'sys.shutdown' };

/** Commands for the node's actor. */
export type DhtNodeCommand = { readonly type: 'node.close' };

const base = setup({
  types: { context: {} as DhtContext, events: {} as DhtMachineEvent },
  actors: { node: {} as GuardedLogic<undefined, DhtNodeCommand> },
  guards: { hasTriesLeft: ({ context }) => context.tries < maxOpenTries },
  actions: {
    /** Replies to the asker. */
    answer: () => {},
    /** Tells the topics, which may have asked too early. */
    announce: () => {},
    reportReady: () => {},
    reportFailure: () => {},
  },
  delays: {
    /** Binding takes milliseconds; detecting that the holder of a local port is silent takes three seconds. */
    openTimeoutMs: 8_000,
    backoffMs: ({ context }) => openBackoffMs * 2 ** (context.tries - 1),
    /** The node gives up earlier than this. */
    closeTimeoutMs: 4_000,
  },
});

const keep = base.assign(({ event }) => (event.type === 'dht.ready' ? { dht: event.dht } : {}));

const noteFailure = base.assign(({ event }) => ({
  error: event.type === 'dht.failed' ? event.error : new Error('the DHT node did not open in time'),
}));

const chart = base.extend({
  actions: {
    keep,
    noteFailure,
    countTry: base.assign({ tries: ({ context }) => context.tries + 1 }),
    closeNode: base.sendTo('node', { type: 'node.close' }),
    /** Throwing in an action is how an actor fails. */
    giveUp: ({ context }) => {
      throw context.error ?? new Error('the DHT node closed by itself');
    },
  },
});

export const dhtMachine = chart.createMachine({
  id: 'dht',
  context: { dht: undefined, tries: 0, error: undefined },
  options: { maxIterations: maxMicrosteps },
  initial: 'up',
  states: {
    up: {
      entry: 'countTry',
      invoke: { id: 'node', src: 'node' },
      initial: 'opening',
      states: {
        opening: {
          on: {
            'dht.ready': { target: 'online', actions: ['keep', 'reportReady'] },
            'dht.failed': { target: '#dht.backingOff', actions: ['noteFailure', 'reportFailure'] },
            'sys.shutdown': 'closing',
          },
          after: { openTimeoutMs: { target: '#dht.backingOff', actions: ['noteFailure', 'reportFailure'] } },
        },
        /** No timeout: a node that hears from nobody is still a node, and reports nothing. */
        online: {
          entry: 'announce',
          on: {
            'dht.get': { actions: 'answer' },
            'dht.failed': { target: '#dht.failed', actions: ['noteFailure', 'reportFailure'] },
            'dht.closed': '#dht.failed',
            'sys.shutdown': 'closing',
          },
        },
        closing: {
          entry: 'closeNode',
          on: { 'dht.closed': '#dht.closed', 'dht.failed': '#dht.closed' },
          after: { closeTimeoutMs: '#dht.closed' },
        },
      },
    },
    backingOff: {
      always: { guard: not('hasTriesLeft'), target: 'failed' },
      on: { 'sys.shutdown': 'closed' },
      after: { backoffMs: 'up' },
    },
    /** Never left, since its entry action throws. */
    failed: { entry: 'giveUp' },
    closed: { type: 'final' },
  },
});
