/** Compares each position a worker reports with its queue at that moment. */
import { expect } from 'vitest';
import type { AnyActorRef } from 'xstate';
import type { SchedulerContext } from '../../src/machines/scheduler.js';
import { waitingIn } from '../../src/rules/queue.js';
import type { SimWorker } from './world/sim-worker.js';
import type { World } from './world/world.js';

/** From now on checks every new position that any worker of this world reports. */
export function checkPositions(world: World, told: string): void {
  const watched = new WeakSet<AnyActorRef>();
  const latest = new Map<string, number>();
  const claimsOf = new Map<SimWorker, Map<string, number>>();
  world.onPosition = (worker, peer, { id, position }) => {
    // A repeated position is a keepalive, and may be outdated.
    const key = `${worker.name} ${peer} ${id}`;
    if (latest.get(key) === position) return;
    latest.set(key, position);
    const scheduler = worker.tree.system.get('scheduler') as AnyActorRef;
    if (!watched.has(scheduler)) {
      watched.add(scheduler);
      claimsOf.set(worker, new Map());
      let before: ReadonlyMap<string, number> = new Map();
      const next = (snapshot: unknown): void => {
        const claims = claimsOf.get(worker);
        if (claims === undefined || claims.size === 0) return;
        const places = placesIn((snapshot as { context: SchedulerContext }).context);
        for (const [claimed, place] of claims) {
          // A prompt that waits for acks of earlier answers is not in the queue yet.
          if (!places.has(claimed) && !before.has(claimed)) continue;
          expect(places.get(claimed), `${worker.name} says of ${claimed} that it stands there\n${told}`).toBe(place);
        }
        before = places;
        claims.clear();
      };
      scheduler.subscribe({ next, error: () => {} });
    }
    claimsOf.get(worker)?.set(id, position);
  };
}

/** By id: 0 is in a slot, 1 is next. */
function placesIn({ running, queue }: SchedulerContext): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const { record } of running.values()) places.set(record.id, 0);
  let place = 0;
  for (const { id } of waitingIn(queue)) places.set(id, ++place);
  return places;
}
