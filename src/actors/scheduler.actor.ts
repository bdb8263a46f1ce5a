/**
 * Parent: services; permanent. Receives prompts and cancels from peers, offers and ends of runs from slots. Sends runs to
 * slots, and everything a client hears through the outboxes and transcripts.
 */
import type { AnyActorLogic } from 'xstate';
import { inferenceError } from '../protocol/errors.js';
import { protocolVersion, type InferenceResultMessage } from '../protocol/messages.js';
import type { RunRequest } from '../protocol/run.js';
import { requestMachine } from '../machines/request.machine.js';
import type { RunOrder } from '../machines/run.js';
import {
  resumeTextOf,
  runOf,
  type RequestEnd,
  type RequestRecord,
  type SchedulerInput,
} from '../machines/scheduler.js';
import { schedulerMachine } from '../machines/scheduler.machine.js';
import { lengthOf, waitingByTier } from '../rules/queue.js';
import { reservedSequences, usageOf } from '../rules/slots.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import type { WorkerDeps } from './worker-ports.js';

export function createScheduler(deps: WorkerDeps): AnyActorLogic {
  const { outboxes, transcripts, board } = deps;
  return schedulerMachine.provide({
    actors: { request: createRequest(deps) },
    actions: {
      startClean: ({ system, self }) => {
        transcripts.clear();
        outboxes.abandonAll('internal', 'The worker lost this request inside; ask again.');
        tell(system, names.duty, { type: 'duty.report' }, self);
        deps.models.forEach((_, model) => {
          for (let slot = 0; slot < deps.slots + reservedSequences; slot++)
            tell(system, names.slot(model, slot), { type: 'slot.report' }, self);
        });
      },
      refuse: (_, { peer, id, why }) => outboxes.send(peer, inferenceError({ id, ...why })),
      open: (_, { record }) => {
        const { key, id, peer, prompt } = record;
        outboxes.open(peer, id);
        transcripts.begin(key, { id, peer, streams: prompt.stream ?? true, resumeText: resumeTextOf(prompt) });
      },
      move: (_, { record, peer, resumeText }) => transcripts.move(record.key, peer, resumeText),
      repeatResult: (_, { key, resumeText, peer }) => {
        const message = transcripts.result(key, resumeText);
        if (message !== undefined) outboxes.send(peer, message);
      },
      tell: (_, told) => {
        for (const { record, position, length, waitMs } of told) {
          const { id, peer, tier } = record;
          outboxes.tellPosition(peer, { id, position, length, tier, estimatedWaitMs: waitMs });
        }
      },
      finish: (_, { record, end, queuedMs, totalMs }) => finish(deps, record, end, { queuedMs, totalMs }),
      cancelRun: ({ system, self }, { slot, run }) => tell(system, slot, { type: 'slot.cancel', run }, self),
      publish: (_, { queue, slots, avgResponseMs, tokensPerSecond, draining }) => {
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
    monotonicMs: () => deps.clock.monotonicMs(),
    standing: deps.standing,
    gate: (asking) => deps.conduct.gate(asking),
    healthCapacity: () => deps.board.health.capacity,
    models: () => deps.board.models,
    canMove: (key: string, resumeText: string) => deps.transcripts.hasSaid(key, resumeText),
    hasResult: (key: string, resumeText: string) => deps.transcripts.result(key, resumeText) !== undefined,
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
  const { prompt: text, messages, options, tools } = prompt;
  return {
    ...(text === undefined ? {} : { prompt: text }),
    ...(messages === undefined ? {} : { messages }),
    ...(options === undefined ? {} : { options }),
    ...(tools === undefined ? {} : { tools }),
    ...(resumeText === '' ? {} : { resumeText }),
  };
}

function finish(
  { outboxes, transcripts }: WorkerDeps,
  record: RequestRecord,
  end: RequestEnd,
  took: { readonly queuedMs: number; readonly totalMs: number },
): void {
  const { resumeText, text, tokens, firstTokenAtMs } = transcripts.take(record.key);
  if (end.kind === 'error') {
    const { kind: _kind, ...why } = end;
    outboxes.end(record.peer, inferenceError({ id: record.id, ...why }));
    return;
  }
  const { finishReason, promptTokens, toolCalls } = end.usage;
  const result: InferenceResultMessage = {
    v: protocolVersion,
    type: 'inference_result',
    id: record.id,
    text,
    model: { name: record.modelName, sha256: record.model },
    usage: { promptTokens, completionTokens: tokens },
    timing: {
      queuedMs: Math.round(took.queuedMs),
      firstTokenMs: firstTokenAtMs === undefined ? null : Math.round(firstTokenAtMs - record.arrivedAtMs),
      totalMs: Math.round(took.totalMs),
    },
    finishReason,
    ...(toolCalls === undefined ? {} : { toolCalls: [...toolCalls] }),
  };
  // What was cut short is not the answer to the same id asked again.
  if (finishReason !== 'cancelled') transcripts.store(record.key, resumeText, result);
  outboxes.end(record.peer, result);
}

const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Math.round(10 * value) / 10;
