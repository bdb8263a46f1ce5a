/**
 * What the scheduler learns from past runs, and what it expects for waiting requests. Pure; the arithmetic is in
 * rules/estimate.ts.
 */
import * as estimate from '../rules/estimate.js';
import { lengthOf, positionOf, standingOf, waitingIn } from '../rules/queue.js';
import { isPrivileged, slotLimit } from '../rules/slots.js';
import type { RequestEnd } from './scheduler-ends.js';
import { resumeTextOf, update, type RequestRecord, type Running, type SchedulerContext } from './scheduler.js';

/** What a client is told about one of its requests. */
export interface Told {
  readonly record: RequestRecord;
  /** 0: in a slot. 1: next in line. */
  readonly position: number;
  readonly length: number;
  /** Until the first token. */
  readonly waitMs: number;
}

/** Weight of the newest response in the running means. */
const newestWeight = 0.2;

const mean = (old: number | undefined, value: number): number =>
  old === undefined ? value : old + newestWeight * (value - old);

const sizeOf = ({ prompt }: RequestRecord): estimate.Size => {
  const texts = prompt.prompt === undefined ? (prompt.messages ?? []).map(({ content }) => content) : [prompt.prompt];
  const promptChars = texts.reduce((sum, text) => sum + text.length, resumeTextOf(prompt).length);
  return { promptChars, maxTokens: prompt.options?.maxTokens };
};

/** How long a run of `record` will hold its slot, and how much of that passes before its first token. */
export function expected(context: Pick<SchedulerContext, 'histories'>, record: RequestRecord) {
  const pace = estimate.paceOf(context.histories.get(record.model));
  const size = sizeOf(record);
  return { prefillMs: estimate.prefillMs(pace, size), holdMs: estimate.holdMs(pace, size) };
}

/** The inflow of work, including this request. */
export const noteArrival = (
  { inflow, histories }: Pick<SchedulerContext, 'inflow' | 'histories'>,
  record: RequestRecord,
) =>
  estimate.noteArrival(
    inflow,
    standingOf(record, record.arrivedAtMs).line,
    expected({ histories }, record).holdMs,
    record.arrivedAtMs,
  );

/** The running means, including this end. Errors and requests that never ran say nothing about this worker's pace. */
export function noteEnd(
  context: SchedulerContext,
  { record, sinceMs, firstTokenAtMs }: Running,
  end: RequestEnd,
  nowMs: number,
): Pick<SchedulerContext, 'avgResponseMs' | 'tokensPerSecond' | 'histories'> {
  const { avgResponseMs, tokensPerSecond, histories } = context;
  if (end.kind === 'error') return { avgResponseMs, tokensPerSecond, histories };
  const heldMs = nowMs - sinceMs;
  const tokens = end.usage.completionTokens;
  return {
    avgResponseMs: mean(avgResponseMs, nowMs - record.arrivedAtMs),
    tokensPerSecond: tokens === 0 || heldMs <= 0 ? tokensPerSecond : mean(tokensPerSecond, (1000 * tokens) / heldMs),
    histories:
      firstTokenAtMs === undefined
        ? histories
        : update(
            histories,
            record.model,
            estimate.noteRun(histories.get(record.model), {
              promptChars: sizeOf(record).promptChars,
              prefillMs: firstTokenAtMs - sinceMs,
              answerTokens: tokens,
              decodeMs: nowMs - firstTokenAtMs,
            }),
          ),
  };
}

/** What the first `count` waiting requests are told; by default all of them. */
export function outlook(context: SchedulerContext, count = Infinity): readonly Told[] {
  const now = context.monotonicMs();
  const share = context.healthCapacity();
  const records: RequestRecord[] = [];
  for (const record of waitingIn(context.queue)) {
    if (records.length >= count) break;
    records.push(record);
  }
  const limit = slotLimit(context.slots, share);
  const isLoaded = new Set([...context.slots.values()].map(({ model }) => model));
  const overtaken = estimate.overtaking(context.inflow, limit, now);
  const line = records.map((record) => ({
    model: record.model,
    isPrivileged: isPrivileged(record, share),
    overtaken: (aloneMs: number) => overtaken(record, aloneMs),
    ...expected(context, record),
  }));
  const slots = [...context.slots.values()].map(({ model, isReserve, key }) => {
    const running = context.running.get(key ?? '');
    const freeInMs = running === undefined ? 0 : estimate.remainingMs(running.holdMs, now - running.sinceMs);
    return { model, isReserve, freeInMs };
  });
  const waits = estimate.estimateWaits(line, slots, limit);
  const length = lengthOf(context.queue);
  return records.map((record, i) => {
    const loadMs = isLoaded.has(record.model) ? 0 : context.loadLeftMs(record.model);
    return { record, position: i + 1, length, waitMs: Math.round((waits[i] ?? 0) + loadMs) };
  });
}

/** What the client of this request is told: its place in line, or that it is in a slot. */
export function toldOf(context: SchedulerContext, key: string): Told | undefined {
  const running = context.running.get(key);
  if (running === undefined) {
    const position = positionOf(context.queue, key);
    return position > 0 ? outlook(context, position).at(-1) : undefined;
  }
  const { record, sinceMs, firstTokenAtMs } = running;
  const { prefillMs } = expected(context, record);
  const leftMs = firstTokenAtMs === undefined ? estimate.remainingMs(prefillMs, context.monotonicMs() - sinceMs) : 0;
  return { record, position: 0, length: lengthOf(context.queue), waitMs: Math.round(leftMs) };
}
