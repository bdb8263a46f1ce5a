/** The scheduler's actions, by name. Decisions are in rules/ and scheduler-*.ts; the actor performs the effects. */
import { admitRequest, askedModel, offeredModel, type Refusal } from '../rules/admission.js';
import { remainingPrefillMs } from '../rules/estimate.js';
import * as queues from '../rules/queue.js';
import { nextStart } from '../rules/slots.js';
import { nearest } from '../runtime/near-match.js';
import * as blame from './scheduler-blame.js';
import * as ends from './scheduler-ends.js';
import { expected, noteArrival, noteEnd, outlook, toldOf } from './scheduler-outlook.js';
import { base, type Context, type Event, type Of } from './scheduler-setup.js';
import * as s from './scheduler.js';

const namesOf = (models: readonly s.OfferedModel[]): readonly string[] => models.map(({ name }) => name);

/**
 * Checks in the order of docs/rules.md: is the worker closed, may this client ask, can this request be answered here.
 */
const admitPrompt = base.enqueueActions(({ context, event, enqueue }) => {
  const { peer, account, address, prompt, waitedMs = 0 } = event as Of<'prompt.received'>;
  const isOwner = account === context.owner;
  const tier = isOwner ? 'master' : context.standing(account, prompt);
  const { avgResponseMs } = context;
  const unfinished = s.unfinishedOf(context, account);
  const refuse = (why: Refusal): void => enqueue({ type: 'refuse', params: { peer, id: prompt.id, why } });
  const refusal =
    ends.closedFor(context, isOwner) ??
    blame.guiltyRefusal(context, s.keyOf(account, prompt.id)) ??
    context.gate({ account, address, isOwner, tier, prompt, unfinished, avgResponseMs }) ??
    context.orderRefusal(account, prompt);
  if (refusal !== undefined) return refuse(refusal);

  const now = context.monotonicMs();
  const sharePercent = context.healthCapacity();
  const models = context.models();
  const queue = queues.raise(context.queue, now);
  const asked = askedModel(prompt);
  const model = offeredModel(asked, models);
  const record = model && s.newRecord(context, { peer, account, prompt, tier, isOwner, model, waitedMs });
  const joined = record && queues.put(queue, record, now);
  const startsAtOnce =
    joined && nextStart(joined, s.openSlots(context), sharePercent, context.sharesPrefix)?.item === record;
  const verdict = admitRequest(prompt, {
    isOwner,
    models,
    meant: model === undefined && asked !== undefined ? nearest(asked, namesOf(models)) : undefined,
    healthCapacity: sharePercent,
    queueFull: startsAtOnce !== true && !queues.hasRoom(queue, { tier, isOwner }, sharePercent),
    avgResponseMs,
  });
  if (!verdict.admitted) {
    const { admitted: _admitted, ...why } = verdict;
    return refuse(why);
  }
  if (record === undefined || joined === undefined) return;
  enqueue({ type: 'open', params: { record } });
  const inflow = noteArrival(context, record);
  if (startsAtOnce === true) return enqueue.assign({ queue: joined, inflow });
  const [rest, displaced] = queues.enqueue(queue, record, { nowMs: now, sharePercent });
  if (displaced !== undefined)
    enqueue({ type: 'finish', params: ends.finished(displaced, ends.displacedEnd(context), now) });
  enqueue.assign({ queue: rest, inflow });
});

/**
 * The same id again: a mistake if it comes on the same connection; on a newer one of the same account, the client has
 * returned.
 */
const repeatPrompt = base.enqueueActions(({ context, event, enqueue }) => {
  const { peer, account, prompt } = event as Of<'prompt.received'>;
  const record = s.recordOf(context, s.keyOf(account, prompt.id));
  if (record === undefined) return;
  const problem = ends.repeatProblem(context, record, { peer, prompt });
  if (problem !== undefined) {
    enqueue({ type: 'refuse', params: { peer, id: prompt.id, why: { code: 'bad_request', message: problem } } });
    return;
  }
  enqueue({ type: 'move', params: { record, peer, streams: s.streamsOf(prompt), resumeText: s.resumeTextOf(prompt) } });
  const moved = { ...record, peer, cancelled: false };
  const running = context.running.get(record.key);
  enqueue.assign(
    running === undefined
      ? { queue: queues.put(queues.remove(context.queue, record.key), moved, context.monotonicMs()) }
      : { running: s.update(context.running, record.key, { ...running, record: moved }) },
  );
});

/**
 * Assigns idle slots to waiting requests until either runs out. A request whose deadline has passed ends here without
 * starting.
 */
const dispatch = base.enqueueActions(({ context, enqueue }) => {
  const now = context.monotonicMs();
  let queue = queues.raise(context.queue, now);
  for (const record of queues.expired(queue, now)) {
    enqueue({ type: 'finish', params: ends.finished(record, ends.expiredInQueue, now) });
    queue = queues.remove(queue, record.key);
  }
  let next: Pick<Context, 'queue' | 'slots' | 'running'> = { queue, slots: context.slots, running: context.running };
  for (;;) {
    const open = s.openSlots({ ...next, held: context.held });
    const start = nextStart(next.queue, open, context.healthCapacity(), context.sharesPrefix);
    if (start === undefined) break;
    const record = { ...start.item, startedAtMs: start.item.startedAtMs ?? now };
    const { key, account, prompt, expiresAtMs } = record;
    const held = { account, conversation: prompt, sinceMs: now };
    const { slot } = start;
    const child = s.freeChildId(next.running);
    const { isReserve = false } = next.slots.get(slot) ?? {};
    const { holdMs, prefillMs } = expected(context, record);
    const running = { record, slot, child, sinceMs: now, holdMs, firstTokenAtMs: undefined, isPardoned: false };
    next = {
      queue: start.queue,
      slots: s.update(next.slots, slot, { model: record.model, isReserve, key, held }),
      running: s.update(next.running, key, running),
    };
    const told = { record, position: 0, length: queues.lengthOf(start.queue), waitMs: Math.round(prefillMs) };
    enqueue({ type: 'tell', params: [told] });
    const expiresInMs = expiresAtMs === undefined ? undefined : Math.max(0, expiresAtMs - now);
    enqueue.spawnChild('request', { id: child, input: { record, slot, expiresInMs } });
  }
  if (next.queue !== context.queue || next.running !== context.running) enqueue.assign(next);
});

/** A request that has just arrived or returned is told at once where it stands. */
const tellNewcomer = base.enqueueActions(({ context, event, enqueue }) => {
  const { account, prompt, peer } = event as Of<'prompt.received'>;
  const told = toldOf(context, s.keyOf(account, prompt.id));
  if (told?.record.peer === peer) enqueue({ type: 'tell', params: [told] });
});

const tellLine = base.enqueueActions(({ context, enqueue }) => enqueue({ type: 'tell', params: outlook(context) }));

/** A slice of the prompt is done; the client is told how long the rest will take. */
const tellProgress = base.enqueueActions(({ context, event, enqueue }) => {
  const progress = event as Of<'run.progress'>;
  const running = s.runningOf(context, progress.run);
  if (running === undefined) return;
  const waitMs = Math.round(remainingPrefillMs(progress, context.monotonicMs() - running.sinceMs));
  const length = queues.lengthOf(context.queue);
  enqueue({ type: 'tell', params: [{ record: running.record, position: 0, length, waitMs }] });
});

const noteFirstToken = base.enqueueActions(({ context, event, enqueue }) => {
  const running = s.runningOf(context, (event as Of<'run.firstToken'>).run);
  if (running === undefined) return;
  const { key } = running.record;
  enqueue.assign({
    running: s.update(context.running, key, { ...running, firstTokenAtMs: context.monotonicMs() }),
  });
  if (running.record.losses > 0) enqueue.raise({ type: 'queue.changed' }); // until now it ran alone
});

/** Ends every waiting request for which `reasonFor` returns an end. */
const endWaiting = (reasonFor: (record: s.RequestRecord, event: Event) => ends.RequestEnd | undefined) =>
  base.enqueueActions(({ context, event, enqueue }) => {
    const now = context.monotonicMs();
    let { queue } = context;
    for (const record of queues.waitingIn(context.queue)) {
      const end = reasonFor(record, event);
      if (end === undefined) continue;
      enqueue({ type: 'finish', params: ends.finished(record, end, now) });
      queue = queues.remove(queue, record.key);
    }
    enqueue.assign({ queue });
  });

const endOrphans = endWaiting((record, event) =>
  record.model === (event as Of<'model.gone'>).model ? ends.modelGone : undefined,
);

const handBack = endWaiting(() => ends.shuttingDown);

/** Off duty, waiting requests are handed back to their clients; the owner's own stay. */
const handBackOthers = endWaiting(({ isOwner }, event) => {
  const { open, reason } = event as Of<'duty.changed'>;
  return open || isOwner ? undefined : { ...ends.shuttingDown, message: reason };
});

/** Waiting requests end here, with the text they had; running ones end at their next token or slice. */
const cancelThose = (recordsFor: (context: Context, event: Event) => readonly s.RequestRecord[]) =>
  base.enqueueActions(({ context, event, enqueue }) => {
    const now = context.monotonicMs();
    let { queue, running } = context;
    for (const record of recordsFor(context, event)) {
      const run = running.get(record.key);
      if (run === undefined) {
        enqueue({ type: 'finish', params: ends.finished(record, ends.cancelledBeforeItsEnd(0), now) });
        queue = queues.remove(queue, record.key);
      } else {
        running = s.update(running, record.key, { ...run, record: { ...record, cancelled: true } });
        enqueue.sendTo(run.child, { type: 'request.cancel' });
      }
    }
    enqueue.assign({ queue, running });
  });

/**
 * Also accepted from a newer connection than the request's own. A cancel from a connection that a newer one has
 * replaced is ignored.
 */
const cancelOne = cancelThose((context, event) => {
  const { peer, account, id } = event as Of<'prompt.cancelled'>;
  const record = s.recordOf(context, s.keyOf(account, id));
  const mayEnd = record !== undefined && (record.peer === peer || context.isNewer(peer, record.peer));
  return mayEnd ? [record] : [];
});

const cancelAllOfPeer = cancelThose((context, event) => s.recordsOfPeer(context, (event as Of<'peer.lost'>).peer));

/** A running request ended, or lost its slot. */
const settleOne = base.enqueueActions(({ context, event, enqueue }) => {
  const { key, promptTokens, outcome } = (event as Of<'xstate.done.actor.request'>).output;
  const settled = context.running.get(key);
  if (settled === undefined) return;
  const { record, slot, child } = settled;
  enqueue.stopChild(child);
  const running = s.without(context.running, key);
  const now = context.monotonicMs();
  // A dead slot does not report itself; a live one offers itself again.
  const isSlotGone = outcome.kind === 'lost' || outcome.kind === 'expired';
  const slots = isSlotGone ? s.withoutSlotOf(context.slots, slot, key) : context.slots;
  if (isSlotGone) enqueue({ type: 'cancelRun', params: { slot, run: s.runOf(record) } });
  const isServed = context.models().some(({ sha256 }) => sha256 === record.model);
  const outcomeEnd = ends.settle(settled, outcome, promptTokens);
  const end = outcomeEnd === 'again' && !isServed ? ends.modelGone : outcomeEnd;
  if (end === 'again') {
    const losses = outcome.kind === 'lost' ? blame.lossesAfter(settled) : record.losses;
    const again = { ...record, runs: record.runs + 1, losses };
    enqueue.assign({ running, slots, queue: queues.put(context.queue, again, now) });
  } else {
    enqueue({ type: 'finish', params: ends.finished(record, end, now) });
    enqueue.assign({ running, slots, ...noteEnd(context, settled, end, now) });
  }
  enqueue.raise({ type: 'queue.changed' });
});

/** Decides which request killed the engine, before its runs are reported lost one by one. */
const judge = base.enqueueActions(({ context, event, enqueue }) => {
  const { model } = event as Of<'engine.died'>;
  const { culprit, running, queue, guilty } = blame.judged(context, model, context.monotonicMs());
  enqueue.assign({ running, queue, guilty });
  if (culprit !== undefined) enqueue({ type: 'strike', params: { account: culprit.record.account } });
});

/** A request actor failed: its client is owed an end, and its slot must not keep running for nobody. */
const settleCrash = base.enqueueActions(({ context, event, enqueue }) => {
  const { actorId } = event as Of<'xstate.error.actor.request'>;
  for (const [key, { child }] of context.running)
    if (child === actorId)
      enqueue.raise({
        type: 'xstate.done.actor.request',
        output: { key, promptTokens: 0, outcome: { kind: 'lost' } },
      });
});

const handBackRunning = base.enqueueActions(({ context, enqueue }) => {
  const now = context.monotonicMs();
  for (const { record, slot } of context.running.values()) {
    enqueue({ type: 'cancelRun', params: { slot, run: s.runOf(record) } });
    enqueue({ type: 'finish', params: ends.finished(record, ends.shuttingDown, now) });
  }
  enqueue.assign({ running: new Map() });
});

const forward = base.enqueueActions(({ context, event, enqueue }) => {
  if (!('run' in event)) return;
  const running = s.runningOf(context, event.run);
  if (running !== undefined) enqueue.sendTo(running.child, event);
});

const noteSlot = base.enqueueActions(({ context, event, enqueue }) => {
  const { slot, model, isReserve } = event as Of<'slot.idle'>;
  const before = context.slots.get(slot);
  const running = context.running.get(before?.key ?? '');
  // The slot restarted with a run in it, which it cannot know about.
  if (running !== undefined) enqueue.sendTo(running.child, { type: 'run.lost' });
  const view = { model, isReserve, key: undefined, held: before?.held };
  enqueue.assign({ slots: s.update(context.slots, slot, view) });
});

const forgetSlot = base.assign(({ context, event }) => ({
  slots: s.without(context.slots, (event as Of<'slot.gone'>).slot),
}));

export const schedulerSetup = base.extend({
  actions: {
    admitPrompt,
    repeatPrompt,
    dispatch,
    tellNewcomer,
    tellLine,
    tellProgress,
    noteFirstToken,
    endOrphans,
    cancelOne,
    cancelAllOfPeer,
    settleOne,
    settleCrash,
    noteDuty: base.assign(({ event }) => {
      const { open, reason } = event as Of<'duty.changed'>;
      return { offDuty: open ? undefined : reason };
    }),
    noteHeld: base.assign(({ event }) => ({ held: (event as Of<'models.held'>).models })),
    noteDraining: base.assign({ draining: true }),
    handBack,
    handBackOthers,
    handBackRunning,
    forward,
    judge,
    noteSlot,
    forgetSlot,
  },
});
