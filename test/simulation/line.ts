/**
 * What must hold of a worker's queue at any moment, seen from outside: in what order it serves, and whom it lets wait.
 */
import { expect } from 'vitest';
import { modelsOnTrial } from '../../src/machines/scheduler-blame.js';
import type { RequestRecord, SchedulerContext } from '../../src/machines/scheduler.js';
import { standingOf, waitingIn } from '../../src/rules/queue.js';
import { isPrivileged, slotLimit, usageOf } from '../../src/rules/slots.js';
import type { SimWorker } from './world/sim-worker.js';

/** Undefined while it restarts. */
export const schedulerOf = ({ tree }: SimWorker): SchedulerContext | undefined =>
  (tree.system.get('scheduler')?.getSnapshot() as { context?: SchedulerContext } | undefined)?.context;

const goesBefore = (a: RequestRecord, b: RequestRecord, atMs: number): boolean => {
  const [lineOfA, lineOfB] = [a, b].map((record) => standingOf(record, atMs).line) as [number, number];
  return lineOfA < lineOfB || (lineOfA === lineOfB && a.arrival < b.arrival);
};

export function checkLine(worker: SimWorker, told: string): void {
  const context = schedulerOf(worker);
  if (context === undefined) return;
  const { queue, slots, running, healthCapacity } = context;
  const waiting = [...waitingIn(queue)];
  const share = healthCapacity();

  // Whatever runs went ahead of everything that waited then and still waits. (A request that lost a slot since was not
  // waiting then.)
  for (const { record, sinceMs } of running.values())
    for (const other of waiting)
      if (other.model === record.model && other.arrivedAtMs < sinceMs && other.runs === 0)
        expect(goesBefore(record, other, sinceMs), `${record.key} before ${other.key}\n${told}`).toBe(true);

  // While a slot is available, no request waits that could have it; Masters and the owner do not wait even if all are
  // taken. A request that may have killed an engine reads its prompt alone.
  // killed an engine reads its prompt by itself.
  const closed = modelsOnTrial(running);
  const mayFill = usageOf(slots).busy < slotLimit(slots, share);
  for (const { key, model, isReserve } of slots.values()) {
    if (key !== undefined || (!isReserve && !mayFill) || closed.includes(model)) continue;
    const could = waiting.filter((each) => each.model === model && (!isReserve || isPrivileged(each, share)));
    expect(
      could.map((each) => each.key),
      `nobody waits who could start\n${told}`,
    ).toEqual([]);
  }
}
