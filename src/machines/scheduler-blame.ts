/**
 * How the death of an engine is charged to the requests that ran in it. Applies rules/blame.ts to the scheduler's
 * state. Pure.
 */
import type { Refusal } from '../rules/admission.js';
import { culpritOf, isOnTrial, lossesToGiveUp, type RunAtDeath } from '../rules/blame.js';
import { put, remove, waitingIn } from '../rules/queue.js';
import type { RequestRecord, Running, SchedulerContext } from './scheduler.js';

/** Keys of requests that killed their engine and are not run again. Beyond this number the oldest are forgotten. */
const maxGuilty = 100;

type Blame = Pick<SchedulerContext, 'running' | 'queue' | 'guilty'>;

const atDeath = ({ record, firstTokenAtMs }: Running): RunAtDeath => ({
  losses: record.losses,
  hasSpoken: firstTokenAtMs !== undefined,
});

/** Models in which a request that lost its engine is reading its prompt. Nothing else is started in them meanwhile. */
export const modelsOnTrial = (running: SchedulerContext['running']): readonly string[] =>
  [...running.values()].filter((each) => isOnTrial(atDeath(each))).map(({ record }) => record.model);

/**
 * The engine of `model` died; its runs will be reported lost one by one. If the culprit is known, the other requests
 * are charged neither with this death nor with the one before.
 */
export function judged(before: Blame, model: string, nowMs: number): Blame & { readonly culprit: Running | undefined } {
  const runs = [...before.running].filter(([, { record }]) => record.model === model);
  const culprit = culpritOf(runs.map(([, run]) => ({ ...atDeath(run), run })))?.run;
  if (culprit === undefined) return { ...before, culprit };
  const others = runs.filter(([, run]) => run !== culprit);
  let { queue } = before;
  for (const record of waitingIn(before.queue))
    if (record.model === model && record.losses > 0) queue = put(remove(queue, record.key), cleared(record), nowMs);
  return {
    running: new Map([
      ...before.running,
      ...others.map(([key, run]) => [key, { ...run, record: cleared(run.record), isPardoned: true }] as const),
    ]),
    queue,
    guilty: [...before.guilty, culprit.record.key].slice(-maxGuilty),
    culprit,
  };
}

const cleared = (record: RequestRecord): RequestRecord => ({ ...record, losses: 0 });

/** The number of engines that the request of a lost run has now lost. */
export const lossesAfter = ({ record, isPardoned }: Running): number => record.losses + (isPardoned ? 0 : 1);

export const mayRunAgain = (run: Running): boolean => lossesAfter(run) < lossesToGiveUp;

export const guiltyRefusal = ({ guilty }: Pick<SchedulerContext, 'guilty'>, key: string): Refusal | undefined =>
  guilty.includes(key)
    ? { code: 'slot_failed', message: 'The engine died twice under this request; it is not run again here.' }
    : undefined;
