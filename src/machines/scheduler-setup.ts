/** The parts of the scheduler's chart: types, effects (provided by the actor), guards and delays. */
import { setup } from 'xstate';
import { limits } from '../protocol/limits.js';
import type { PromptMessage } from '../protocol/messages.js';
import type { Refusal } from '../rules/admission.js';
import * as queues from '../rules/queue.js';
import { requestMachine, type RequestOutput } from './request.machine.js';
import type { RequestEnd } from './scheduler-ends.js';
import type { Told } from './scheduler-outlook.js';
import * as s from './scheduler.js';

export type Context = s.SchedulerContext;
export type Event =
  | s.SchedulerEvent
  | { type: 'xstate.done.actor.request'; output: RequestOutput }
  | { type: 'xstate.error.actor.request'; actorId: string };
/** The event of this type, for an action that only this event triggers. */
export type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

export const base = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as s.SchedulerInput },
  actors: { request: requestMachine },
  actions: {
    /**
     * A new scheduler knows nothing: asks slots and duty to report, and tells peers that their open requests are lost.
     */
    startClean: () => {},
    /** Answers a prompt that did not become a request. */
    refuse: (_, _params: { peer: string; id: string; why: Refusal }) => {},
    /** From now on the peer is owed an end, and a sign of life every 250 ms. */
    open: (_, _params: { record: s.RequestRecord }) => {},
    /** The same request was asked again, on a newer connection of its account. */
    move: (_, _params: { record: s.RequestRecord; peer: string; streams: boolean; resumeText: string }) => {},
    repeatResult: (_, _params: { account: string; prompt: PromptMessage; peer: string }) => {},
    /** Reports where these requests stand. Whether that is news to a client is decided where it is written. */
    tell: (_, _params: readonly Told[]) => {},
    /** Gives a request its one end. */
    finish: (_, _params: { record: s.RequestRecord; end: RequestEnd; queuedMs: number; totalMs: number }) => {},
    /** Tells the slot to stop a run. */
    cancelRun: (_, _params: { slot: string; run: string }) => {},
    /** A request of this account killed an engine. */
    strike: (_, _params: { account: string }) => {},
    publish: (_, _params: Context) => {},
  },
  guards: {
    nothingLeft: ({ context }) => s.nothingLeft(context),
    someoneWaits: ({ context }) => queues.lengthOf(context.queue) > 0,
    nobodyWaits: ({ context }) => queues.lengthOf(context.queue) === 0,
    /** A finished id that is asked again within a minute gets its result again. */
    isFinished: ({ context, event }) =>
      event.type === 'prompt.received' &&
      context.hasResult(s.keyOf(event.account, event.prompt.id), s.resumeTextOf(event.prompt)),
    isUnfinished: ({ context, event }) =>
      event.type === 'prompt.received' && s.recordOf(context, s.keyOf(event.account, event.prompt.id)) !== undefined,
  },
  delays: { tickMs: limits.queueStatusMinGapMs, drainMs: ({ context }) => context.drainMs },
});
