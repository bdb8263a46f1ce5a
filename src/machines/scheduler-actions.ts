/** What the scheduler's chart does, each step by its name. Decisions are rules/'s and scheduler.ts's; effects are the actor's. */
import { setup } from 'xstate';
import { limits } from '../protocol/limits.js';
import { admit } from '../rules/admission.js';
import { emptyQueue, enqueue as join, expired, giveBack, isFull, positionOf, remove, take } from '../rules/queue.js';
import { requestMachine, type RequestOutput } from './request.machine.js';
import * as s from './scheduler.js';

type Context = s.SchedulerContext;
type Event =
  | s.SchedulerEvent
  | { type: 'xstate.done.actor.request'; output: RequestOutput }
  | { type: 'xstate.error.actor.request'; actorId: string };
type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

const base = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as s.SchedulerInput },
  actors: { request: requestMachine },
  actions: {
    /** A new scheduler knows of nothing: slots report, and peers are told that what they waited for is gone. */
    startClean: () => {},
    /** Answers a prompt that did not become a request. */
    refuse: (_, _params: { peer: string; id: string; why: s.Refusal }) => {},
    /** From now on the peer is owed an end, and a sign of life every 250 ms. */
    open: (_, _params: { record: s.RequestRecord }) => {},
    /** The same request was asked for again, on a newer connection of its account. */
    move: (_, _params: { record: s.RequestRecord; resumeText: string; peer: string }) => {},
    repeatResult: (_, _params: { key: string; resumeText: string; peer: string }) => {},
    tellPosition: (_, _params: { record: s.RequestRecord; position: number; length: number; waitMs: number }) => {},
    /** The one end of a request. */
    finish: (_, _params: { record: s.RequestRecord; end: s.RequestEnd; queuedMs: number; totalMs: number }) => {},
    /** Tells the slot to stop a run. */
    cancelRun: (_, _params: { slot: string; run: string }) => {},
    publish: (_, _params: Context) => {},
  },
  guards: {
    nothingLeft: ({ context }) => context.records.size === 0,
    someoneWaits: ({ context }) => context.queue.items.size > 0,
    nobodyWaits: ({ context }) => context.queue.items.size === 0,
    /** A finished id asked for again within a minute gets its result again. */
    isFinished: ({ context, event }) =>
      event.type === 'prompt.received' &&
      context.hasResult(s.keyOf(event.account, event.prompt.id), s.resumeTextOf(event.prompt)),
    isUnfinished: ({ context, event }) =>
      event.type === 'prompt.received' && context.records.has(s.keyOf(event.account, event.prompt.id)),
  },
  delays: { tickMs: limits.queueStatusMinGapMs, drainMs: ({ context }) => context.drainMs },
});

const admitPrompt = base.enqueueActions(({ context, event, enqueue }) => {
  const { peer, account, prompt } = event as Of<'prompt.received'>;
  const verdict = admit(prompt, {
    draining: context.draining,
    unfinishedOfClient: s.unfinishedOf(context, account),
    isOwner: account === context.owner,
    models: context.models(),
    queueFull: isFull(context.queue),
    avgResponseMs: context.avgResponseMs,
  });
  if (!verdict.admitted) {
    enqueue({ type: 'refuse', params: { peer, id: prompt.id, why: verdict } });
    return;
  }
  const record = s.newRecord(context, { peer, account, prompt, model: verdict.model });
  enqueue({ type: 'open', params: { record } });
  enqueue.assign({ records: s.update(context.records, record.key, record), queue: join(context.queue, record) });
  enqueue.raise({ type: 'queue.changed' });
});

/** The same id again: a mistake on the same connection; on a newer one of the same account, the client is back. */
const repeatPrompt = base.enqueueActions(({ context, event, enqueue }) => {
  const { peer, account, prompt } = event as Of<'prompt.received'>;
  const record = context.records.get(s.keyOf(account, prompt.id));
  if (record === undefined) return;
  const resumeText = s.resumeTextOf(prompt);
  const problem = s.repeatProblem(context, record, { peer, resumeText });
  if (problem !== undefined) {
    enqueue({ type: 'refuse', params: { peer, id: prompt.id, why: { code: 'bad_request', message: problem } } });
    return;
  }
  enqueue({ type: 'move', params: { record, peer, resumeText } });
  const moved = { ...record, peer, cancelled: false, toldPosition: s.nothingTold };
  enqueue.assign({
    records: s.update(context.records, record.key, moved),
    queue: s.replaceWaiting(context.queue, moved),
  });
  enqueue.raise({ type: 'queue.changed' });
});

/** Gives idle slots their next request, as long as there are both. */
const dispatch = base.enqueueActions(({ context, enqueue }) => {
  let { queue, slots, running, records } = context;
  for (const [slot, view] of slots) {
    if (view.key !== undefined) continue;
    const [waiting, rest] = take(queue, view.model);
    if (waiting === undefined) continue;
    const now = context.monotonicMs();
    const record = { ...waiting, startedAtMs: waiting.startedAtMs ?? now, toldPosition: 0 };
    const place = s.idleSlots(slots, view.model, record.account)[0] ?? slot;
    const child = s.freeChildId(running);
    queue = rest;
    slots = s.update(slots, place, { model: view.model, key: record.key, lastAccount: record.account });
    running = s.update(running, s.runOf(record), child);
    records = s.update(records, record.key, record);
    enqueue({ type: 'tellPosition', params: { record, position: 0, length: rest.items.size, waitMs: 0 } });
    const expiresInMs = record.expiresAtMs === undefined ? undefined : Math.max(0, record.expiresAtMs - now);
    enqueue.spawnChild('request', { id: child, input: { record, slot: place, expiresInMs } });
  }
  enqueue.assign({ queue, slots, running, records });
});

/** Tells those who wait where they stand, if it is news. Between two ticks only those who were told nothing yet. */
const tellPositions = base.enqueueActions(({ context, event, enqueue }) => {
  let { records, queue } = context;
  for (const waiting of queue.items.values()) {
    if (event.type === 'queue.changed' && waiting.toldPosition !== s.nothingTold) continue;
    const position = positionOf(queue, waiting.key);
    if (waiting.toldPosition === position) continue;
    const record = { ...waiting, toldPosition: position };
    enqueue({
      type: 'tellPosition',
      params: { record, position, length: queue.items.size, waitMs: s.estimatedWaitMs(context, position) },
    });
    records = s.update(records, record.key, record);
    queue = s.replaceWaiting(queue, record);
  }
  enqueue.assign({ records, queue });
});

const endWaiting = base.enqueueActions(({ context, enqueue }) => {
  const now = context.monotonicMs();
  let { records, queue } = context;
  for (const record of expired(queue, now)) {
    const end = {
      kind: 'error',
      code: 'deadline_exceeded',
      message: 'The deadline of the request passed in the queue.',
    } as const;
    enqueue({ type: 'finish', params: s.finished(record, end, now) });
    queue = remove(queue, record.key);
    records = s.without(records, record.key);
  }
  enqueue.assign({ records, queue });
});

const endOrphans = base.enqueueActions(({ context, event, enqueue }) => {
  const { model } = event as Of<'model.gone'>;
  const now = context.monotonicMs();
  let { records, queue } = context;
  for (const record of context.queue.items.values()) {
    if (record.model !== model) continue;
    enqueue({ type: 'finish', params: s.finished(record, s.modelGone, now) });
    queue = remove(queue, record.key);
    records = s.without(records, record.key);
  }
  enqueue.assign({ records, queue });
  enqueue.raise({ type: 'queue.changed' });
});

/** Waiting ones end here, with the text they had; running ones at their next token or slice. */
const cancelOne = base.enqueueActions(({ context, event, enqueue }) => {
  const { account, id } = event as Of<'prompt.cancelled'>;
  const record = context.records.get(s.keyOf(account, id));
  if (record === undefined) return;
  const child = context.running.get(s.runOf(record));
  if (child !== undefined) {
    enqueue.assign({ records: s.update(context.records, record.key, { ...record, cancelled: true }) });
    enqueue.sendTo(child, { type: 'request.cancel' });
    return;
  }
  enqueue({ type: 'finish', params: s.finished(record, s.cancelledBeforeItsEnd(0), context.monotonicMs()) });
  enqueue.assign({ records: s.without(context.records, record.key), queue: remove(context.queue, record.key) });
  enqueue.raise({ type: 'queue.changed' });
});

const cancelAllOfPeer = base.enqueueActions(({ context, event, enqueue }) => {
  const { peer } = event as Of<'peer.lost'>;
  for (const record of context.records.values())
    if (record.peer === peer) enqueue.raise({ type: 'prompt.cancelled', account: record.account, id: record.id });
});

/** A running request came to its end, or lost its slot. */
const settleOne = base.enqueueActions(({ context, event, enqueue }) => {
  const { key, slot, promptTokens, outcome } = (event as Of<'xstate.done.actor.request'>).output;
  const record = context.records.get(key);
  const run = record === undefined ? '' : s.runOf(record);
  const child = context.running.get(run);
  if (child === undefined || record === undefined) return;
  enqueue.stopChild(child);
  const running = s.without(context.running, run);
  const now = context.monotonicMs();
  // A slot that died does not say so; one that lives offers itself anew.
  const slots =
    outcome.kind === 'lost' || outcome.kind === 'expired' ? s.withoutSlotOf(context.slots, slot, key) : context.slots;
  if (outcome.kind === 'lost' || outcome.kind === 'expired') enqueue({ type: 'cancelRun', params: { slot, run } });
  const isServed = context.models().some(({ sha256 }) => sha256 === record.model);
  const settled = s.settle(record, outcome, promptTokens);
  const end = settled === 'again' && !isServed ? s.modelGone : settled;
  if (end === 'again') {
    const losses = record.losses + (outcome.kind === 'lost' ? 1 : 0);
    const again = { ...record, runs: record.runs + 1, losses, toldPosition: s.nothingTold };
    enqueue.assign({
      running,
      slots,
      records: s.update(context.records, key, again),
      queue: giveBack(context.queue, again),
    });
  } else {
    enqueue({ type: 'finish', params: s.finished(record, end, now) });
    enqueue.assign({
      running,
      slots,
      records: s.without(context.records, key),
      ...s.noteEnd(context, record, end, now),
    });
  }
  enqueue.raise({ type: 'queue.changed' });
});

/** A request actor failed: its client is owed an end, and its slot must not go on for nobody. */
const settleCrash = base.enqueueActions(({ context, event, enqueue }) => {
  const { actorId } = event as Of<'xstate.error.actor.request'>;
  for (const [key, record] of context.records)
    if (context.running.get(s.runOf(record)) === actorId)
      enqueue.raise({
        type: 'xstate.done.actor.request',
        output: { key, slot: s.slotOf(context.slots, key), promptTokens: 0, outcome: { kind: 'lost' } },
      });
});

const handBack = base.enqueueActions(({ context, enqueue }) => {
  const now = context.monotonicMs();
  let { records } = context;
  for (const record of context.queue.items.values()) {
    enqueue({ type: 'finish', params: s.finished(record, s.shuttingDown, now) });
    records = s.without(records, record.key);
  }
  enqueue.assign({ records, queue: emptyQueue(context.queue.capacity), draining: true });
});

/** What still runs when the time to drain is over is handed back too; its run is stopped. */
const handBackRunning = base.enqueueActions(({ context, enqueue }) => {
  const now = context.monotonicMs();
  for (const record of context.records.values()) {
    enqueue({ type: 'cancelRun', params: { slot: s.slotOf(context.slots, record.key), run: s.runOf(record) } });
    enqueue({ type: 'finish', params: s.finished(record, s.shuttingDown, now) });
  }
  enqueue.assign({ records: new Map() });
});

const forward = base.enqueueActions(({ context, event, enqueue }) => {
  if (!('run' in event)) return;
  const child = context.running.get(event.run);
  if (child !== undefined) enqueue.sendTo(child, event);
});

const noteSlot = base.enqueueActions(({ context, event, enqueue }) => {
  const { slot, model } = event as Of<'slot.idle'>;
  const before = context.slots.get(slot);
  const record = context.records.get(before?.key ?? '');
  const child = record === undefined ? undefined : context.running.get(s.runOf(record));
  // It was stopped with a run in it, and has started anew: it cannot know.
  if (child !== undefined) enqueue.sendTo(child, { type: 'run.lost' });
  enqueue.assign({
    slots: s.update(context.slots, slot, { model, key: undefined, lastAccount: before?.lastAccount }),
  });
  enqueue.raise({ type: 'queue.changed' });
});

const forgetSlot = base.enqueueActions(({ context, event, enqueue }) => {
  enqueue.assign({ slots: s.without(context.slots, (event as Of<'slot.gone'>).slot) });
  enqueue.raise({ type: 'queue.changed' });
});

export const schedulerSetup = base.extend({
  actions: {
    admitPrompt,
    repeatPrompt,
    dispatch,
    tellPositions,
    endWaiting,
    endOrphans,
    cancelOne,
    cancelAllOfPeer,
    settleOne,
    settleCrash,
    handBack,
    handBackRunning,
    forward,
    noteSlot,
    forgetSlot,
  },
});
