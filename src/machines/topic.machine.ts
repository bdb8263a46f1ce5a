/**
 * One network's topic. Child of the topics supervisor, permanent. It holds the swarm, refreshes lookups and
 * announcements while nobody is connected (the transport would take ten minutes), and redials known peers. Invariants:
 * a swarm exists only in `joined`; `connections` counts what is connected on that swarm.
 */
import { setup } from 'xstate';
import { backoffMs, type Backoff } from '../rules/backoff.js';
import type { GuardedLogic } from '../runtime/guarded-callback.js';
import { maxMicrosteps } from '../runtime/limits.js';
import type { DhtHandle } from './dht.machine.js';

/** For a node that looks for others: somebody has just started a program that waits for its first connection. */
const eagerRefreshesMs = [250, 500, 1_000, 2_000] as const;
/** For a node that only waits to be found: it must announce itself again if the DHT came up after it did. */
const patientRefreshesMs = [2_000, 4_000, 8_000] as const;
/**
 * Later, while nobody is connected. A node that only looks wants to ask somebody: a returning worker must be found
 * within seconds.
 */
export const watchdogRefreshMs = { asking: 2_000, serving: 15_000 } as const;
/**
 * While somebody is connected: nodes that start together find only some of each other at first, and a lost one may soon
 * be back.
 */
const firstLookAroundsMs = [1_000, 2_000, 4_000, 8_000] as const;
/** Later, others may have joined. A node that only waits to be found leaves that to the transport. */
const eagerLookAroundMs = 30_000;
const patientLookAroundMs = 600_000;
/** A connection shorter than this starts no new round of quick refreshes: peers that close at once are not chased. */
export const settleMs = 1_000;
/** After sleeping this long, a machine's connections are dead: the other ends gave up after 13 s or more of silence. */
export const deadAfterSleepMs = 10_000;
/** Peers dialled before, latest first, that are dialled again without a lookup. */
export const maxKnownPeers = 32;
export const rejoining: Backoff = { firstMs: 500, longestMs: 30_000 };

export interface TopicContext {
  readonly dht: DhtHandle | undefined;
  readonly connections: number;
  readonly known: readonly string[];
  /** Refreshes since somebody was last connected for a while. */
  readonly refreshes: number;
  /** Refreshes while connected, since the first connection or the last loss. */
  readonly lookArounds: number;
  /** Swarms that failed in a row. */
  readonly failures: number;
}

export type TopicMachineEvent =
  | { readonly type: 'dht.here'; readonly dht: DhtHandle }
  | { readonly type: 'topic.connected'; readonly key: string; readonly isDialled: boolean }
  | { readonly type: 'topic.disconnected' }
  | { readonly type: 'topic.failed'; readonly error: Error }
  | { readonly type: 'topic.closed' }
  /** The machine slept. */
  | { readonly type: 'machine.woke'; readonly awayMs: number }
  | { readonly type: 'sys.shutdown' };

/** Commands for the swarm's actor. */
export type SwarmCommand =
  { readonly type: 'swarm.refresh'; readonly dial: readonly string[] } | { readonly type: 'swarm.close' };

/** What a node does on a topic: look for others, wait to be found, or both. */
export interface TopicRole {
  readonly client: boolean;
  readonly server: boolean;
}

/** @param refreshes made so far */
export function refreshDelayMs(refreshes: number, { client, server }: TopicRole): number {
  const first = client ? eagerRefreshesMs : patientRefreshesMs;
  return first[refreshes] ?? (server ? watchdogRefreshMs.serving : watchdogRefreshMs.asking);
}

/** @param lookArounds made so far, since the first connection or the last loss */
export function lookAroundDelayMs(lookArounds: number, { client }: Pick<TopicRole, 'client'>): number {
  return client ? (firstLookAroundsMs[lookArounds] ?? eagerLookAroundMs) : patientLookAroundMs;
}

const base = setup({
  types: { context: {} as TopicContext, events: {} as TopicMachineEvent },
  actors: { swarm: {} as GuardedLogic<DhtHandle | undefined, SwarmCommand> },
  guards: {
    hasOthers: ({ context }) => context.connections > 1,
    /** Not at every loss: peers that close at once are not chased. */
    hasOthersAndLooked: ({ context }) => context.connections > 1 && context.lookArounds > 0,
    sleptLong: ({ event }) => event.type === 'machine.woke' && event.awayMs >= deadAfterSleepMs,
  },
  actions: {
    askForDht: () => {},
    reportFailure: () => {},
  },
  delays: {
    askAgainMs: 1_000,
    refreshMs: ({ context }) => refreshDelayMs(context.refreshes, { client: true, server: false }),
    settleMs,
    lookAroundMs: ({ context }) => lookAroundDelayMs(context.lookArounds, { client: true }),
    backoffMs: ({ context }) => backoffMs(rejoining, context.failures),
    /** The swarm gives up earlier than this. */
    leaveTimeoutMs: 2_000,
  },
});

const countUp = base.assign(({ context, event }) => {
  if (event.type !== 'topic.connected') return {};
  const others = context.known.filter((key) => key !== event.key);
  return {
    connections: context.connections + 1,
    failures: 0,
    known: event.isDialled ? [event.key, ...others].slice(0, maxKnownPeers) : context.known,
  };
});

const chart = base.extend({
  actions: {
    keepDht: base.assign(({ event }) => (event.type === 'dht.here' ? { dht: event.dht } : {})),
    startCounting: base.assign({ connections: 0, refreshes: 0, lookArounds: 0 }),
    countLookAround: base.assign({ lookArounds: ({ context }) => context.lookArounds + 1 }),
    beginAnew: base.assign({ lookArounds: 0 }),
    settle: base.assign({ refreshes: 0 }),
    countUp,
    countDown: base.assign({ connections: ({ context }) => context.connections - 1 }),
    countRefresh: base.assign({ refreshes: ({ context }) => context.refreshes + 1 }),
    countFailure: base.assign({ failures: ({ context }) => context.failures + 1 }),
    refresh: base.sendTo('swarm', ({ context }) => ({ type: 'swarm.refresh', dial: context.known })),
    closeSwarm: base.sendTo('swarm', { type: 'swarm.close' }),
  },
});

export const topicMachine = chart.createMachine({
  id: 'topic',
  context: { dht: undefined, connections: 0, known: [], refreshes: 0, lookArounds: 0, failures: 0 },
  options: { maxIterations: maxMicrosteps },
  initial: 'joining',
  states: {
    joining: {
      entry: 'askForDht',
      on: { 'dht.here': { target: 'joined', actions: 'keepDht' }, 'sys.shutdown': 'left' },
      after: { askAgainMs: { target: 'joining', reenter: true } },
    },
    joined: {
      entry: 'startCounting',
      invoke: { id: 'swarm', src: 'swarm', input: ({ context }) => context.dht },
      on: {
        'topic.failed': { target: 'backingOff', actions: ['countFailure', 'reportFailure'] },
        'topic.closed': { target: 'backingOff', actions: 'countFailure' },
        /** A new swarm, because its connections and what others know of it are out of date. */
        'machine.woke': [{ guard: 'sleptLong', target: 'joined', reenter: true }, { actions: 'refresh' }],
        'sys.shutdown': '.leaving',
      },
      initial: 'discovering',
      states: {
        discovering: {
          entry: 'beginAnew',
          on: { 'topic.connected': { target: 'connected', actions: 'countUp' } },
          after: { refreshMs: { target: 'discovering', reenter: true, actions: ['refresh', 'countRefresh'] } },
        },
        connected: {
          on: {
            'topic.connected': { actions: 'countUp' },
            'topic.disconnected': [
              {
                guard: 'hasOthersAndLooked',
                target: 'connected',
                reenter: true,
                actions: ['countDown', 'beginAnew'],
              },
              { guard: 'hasOthers', actions: 'countDown' },
              { target: 'discovering', actions: 'countDown' },
            ],
          },
          after: {
            settleMs: { actions: 'settle' },
            lookAroundMs: { target: 'connected', reenter: true, actions: ['refresh', 'countLookAround'] },
          },
        },
        leaving: {
          entry: 'closeSwarm',
          on: { 'topic.closed': '#topic.left', 'topic.failed': '#topic.left', 'machine.woke': {}, 'sys.shutdown': {} },
          after: { leaveTimeoutMs: '#topic.left' },
        },
      },
    },
    backingOff: {
      on: { 'sys.shutdown': 'left' },
      after: { backoffMs: 'joining' },
    },
    left: { type: 'final' },
  },
});
