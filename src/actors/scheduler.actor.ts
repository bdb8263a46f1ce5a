/**
 * Parent: services; permanent. Receives prompts and cancels from peers, and offers and ends of runs from slots. Sends
 * runs to slots, and everything a client receives through the outboxes and transcripts.
 */
import type { AnyActorLogic } from 'xstate';
import { inferenceError } from '../protocol/errors.js';
import { protocolVersion, type InferenceResultMessage } from '../protocol/messages.js';
import type { RunRequest } from '../protocol/run.js';
import { requestMachine } from '../machines/request.machine.js';
import type { RunOrder } from '../machines/run.js';
import {
  keyOf,
  demandFor,
  resumeTextOf,
  runOf,
  streamsOf,
  type RequestRecord,
  type SchedulerInput,
} from '../machines/scheduler.js';
import { otherPrompt, type RequestEnd } from '../machines/scheduler-ends.js';
import { schedulerMachine } from '../machines/scheduler.machine.js';
import { lengthOf, waitingByTier } from '../rules/queue.js';
import { reservedSequences, usageOf } from '../rules/slots.js';
import { spotCheckOf } from '../rules/spot-check.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import type { RequestSummary } from './worker/tally.js';
import type { WorkerDeps } from './worker/worker-ports.js';

export function createScheduler(deps: WorkerDeps): AnyActorLogic {
  const { outboxes, transcripts, board, conduct, desk, tally } = deps;
  return schedulerMachine.provide({
    actors: { request: createRequest(deps) },
    actions: {
      startClean: ({ system, self }) => {
        transcripts.clear();
        desk.endAll();
        outboxes.abandonAll('internal', 'The worker lost this request inside; ask again.');
        tell(system, names.duty, { type: 'duty.report' }, self);
        deps.models.forEach((_, model) => {
          for (let slot = 0; slot < deps.slots + reservedSequences; slot++)
            tell(system, names.slot(model, slot), { type: 'slot.report' }, self);
        });
      },
      refuse: (_, { peer, id, why }) => {
        tally.refuse(why.code);
        outboxes.send(peer, inferenceError({ id, ...why }));
      },
      open: (_, { record }) => {
        const { key, id, peer, account, prompt } = record;
        desk.take(account, prompt);
        outboxes.open(peer, id);
        transcripts.begin(key, { id, peer, streams: streamsOf(prompt), resumeText: resumeTextOf(prompt) });
      },
      move: (_, { record, peer, streams, resumeText }) => transcripts.move(record.key, { peer, streams, resumeText }),
      repeatResult: (_, { account, prompt, peer }) => {
        const { id } = prompt;
        const kept = transcripts.result(keyOf(account, id), resumeTextOf(prompt));
        if (kept === undefined) return;
        if (desk.contradicts(account, kept.promptHash, prompt))
          outboxes.send(peer, inferenceError({ id, code: 'bad_request', message: otherPrompt }));
        else outboxes.send(peer, kept.message);
      },
      tell: (_, told) => {
        for (const { record, position, length, waitMs } of told) {
          const { id, peer, tier } = record;
          outboxes.tellPosition(peer, { id, position, length, tier, estimatedWaitMs: waitMs });
        }
      },
      finish: ({ system, self }, { record, end, queuedMs, totalMs }) =>
        finish(deps, record, end, { queuedMs, totalMs }, () => {
          if (board.draining) tell(system, names.scheduler, { type: 'queue.changed' }, self); // draining may be waiting for this
        }),
      cancelRun: ({ system, self }, { slot, run }) => tell(system, slot, { type: 'slot.cancel', run }, self),
      strike: (_, { account }) => conduct.strike(account, 'deadly_request'),
      publish: ({ system, self }, context) => {
        const { queue, slots, avgResponseMs, tokensPerSecond, draining } = context;
        // A single model is loaded whatever the demand.
        if (deps.models.length > 1)
          tell(system, names.residency, { type: 'demand.changed', demand: demandFor(context, board.models) }, self);
        board.waiting = () => waitingByTier(queue);
        board.write({
          draining,
          queue: { length: lengthOf(queue), capacity: queue.capacity },
          slots: usageOf(slots),
          performance: { avgResponseMs: rounded(avgResponseMs), tokensPerSecond: rounded(tokensPerSecond) },
        });
      },
    },
  });
}

export function schedulerInput(deps: WorkerDeps): SchedulerInput {
  let arrivals = 0;
  return {
    queueCapacity: deps.queueCapacity,
    drainMs: deps.drainMs,
    owner: deps.identity.publicKeyHex,
    sharesPrefix: deps.sharesPrefix,
    monotonicMs: () => deps.clock.monotonicMs(),
    standing: (account, prompt) => deps.desk.tierOf(account, prompt),
    orderRefusal: (account, prompt) => deps.desk.refusalOf(account, prompt),
    contradicts: (account, before, prompt) => deps.desk.contradicts(account, before, prompt),
    nothingUnsent: () => deps.desk.isIdle,
    gate: (asking) => deps.conduct.gate(asking),
    healthCapacity: () => deps.board.health.capacity,
    models: () => deps.board.models,
    loadLeftMs: (model) => deps.board.loadLeftMs(model),
    isNewer: (peer, other) => deps.outboxes.isNewer(peer, other),
    canMove: (key, resumeText) => deps.transcripts.hasSaid(key, resumeText),
    hasResult: (key, resumeText) => deps.transcripts.result(key, resumeText) !== undefined,
    nextArrival: () => arrivals++,
  };
}

function createRequest({ transcripts }: WorkerDeps): typeof requestMachine {
  return requestMachine.provide({
    actions: {
      startRun: ({ context, system, self }) => {
        const { record, slot } = context;
        const { resumeText, append } = transcripts.beginRun(record.key);
        const order: RunOrder = {
          run: runOf(record),
          account: record.account,
          request: runRequest(record, resumeText),
          tokens: append,
        };
        if (!tell(system, slot, { type: 'slot.run', order }, self))
          tell(system, names.scheduler, { type: 'run.lost', run: order.run }, self);
      },
      cancelRun: ({ context, system, self }) =>
        tell(system, context.slot, { type: 'slot.cancel', run: runOf(context.record) }, self),
    },
  });
}

function runRequest({ prompt }: RequestRecord, resumeText: string): RunRequest {
  const { prompt: text, messages, options, tools, check } = prompt;
  return {
    ...(text === undefined ? {} : { prompt: text }),
    ...(messages === undefined ? {} : { messages }),
    ...(options === undefined ? {} : { options }),
    ...(tools === undefined ? {} : { tools }),
    ...(resumeText === '' ? {} : { resumeText }),
    ...(check === undefined ? {} : { claimedText: check.text }),
  };
}

/** @param sent called once nothing more will be sent for it */
function finish(
  { outboxes, transcripts, desk, tally }: WorkerDeps,
  record: RequestRecord,
  end: RequestEnd,
  took: { readonly queuedMs: number; readonly totalMs: number },
  sent: () => void,
): void {
  const { key, id, peer, account, prompt } = record;
  const { resumeText, text, tokens, firstTokenAtMs } = transcripts.take(key);
  const firstTokenMs = firstTokenAtMs === undefined ? undefined : firstTokenAtMs - record.arrivedAtMs;
  tally.end({ ...endedAs(end), ...took, tier: record.tier, tokens, firstTokenMs });
  if (end.kind === 'error') {
    const { kind: _kind, ...why } = end;
    desk.end(account, prompt);
    outboxes.end(peer, inferenceError({ id, ...why }));
    return;
  }
  const { finishReason, promptTokens, toolCalls, weighing } = end.usage;
  const result: InferenceResultMessage = {
    v: protocolVersion,
    type: 'inference_result',
    id,
    text,
    model: { name: record.modelName, sha256: record.model },
    usage: { promptTokens, completionTokens: tokens },
    timing: {
      queuedMs: Math.round(took.queuedMs),
      firstTokenMs: firstTokenMs === undefined ? null : Math.round(firstTokenMs),
      totalMs: Math.round(took.totalMs),
    },
    finishReason,
    ...(toolCalls === undefined ? {} : { toolCalls: [...toolCalls] }),
    ...(weighing === undefined ? {} : { check: spotCheckOf(weighing) }),
  };
  const facts = { responseMs: result.timing.totalMs, isHeard: outboxes.owes(peer, id) };
  // An answer cut short because its connection was lost is not the answer to the same id asked again.
  const keep = (message: InferenceResultMessage): void => {
    if (finishReason !== 'cancelled' || facts.isHeard)
      transcripts.store(key, { resumeText, message, promptHash: prompt.order?.promptHash });
  };
  keep(result);
  desk.give(account, prompt, result, facts, (receipt) => {
    const whole = receipt === undefined ? result : { ...result, receipt };
    if (receipt !== undefined) keep(whole);
    outboxes.end(peer, whole);
    sent();
  });
}

const endedAs = (end: RequestEnd): Pick<RequestSummary, 'as' | 'promptTokens'> =>
  end.kind === 'error'
    ? { as: end.code, promptTokens: 0 }
    : { as: end.usage.finishReason, promptTokens: end.usage.promptTokens };

const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Math.round(10 * value) / 10;
