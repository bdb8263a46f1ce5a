/** A line before some slots, played from a list of who comes when: the queue alone, without machines. */
import * as queues from '../../src/rules/queue.js';
import type { Queue, Waiting } from '../../src/rules/queue.js';
import type { Tier } from '../../src/rules/tiers.js';

export interface Visit {
  /** After the one before. */
  readonly afterMs: number;
  readonly tier: Tier;
  readonly isOwner: boolean;
  /** How long it holds its slot. */
  readonly holdMs: number;
}

interface Guest extends Waiting {
  readonly holdMs: number;
}

export interface Start {
  readonly item: Guest;
  readonly atMs: number;
}

/** Everybody is served in the end, but those who found no room or were displaced. */
export function playLine(visits: readonly Visit[], slots: number, capacity: number) {
  let queue: Queue<Guest> = queues.emptyQueue(capacity);
  const freeAtMs = Array.from({ length: slots }, () => 0);
  const starts: Start[] = [];
  const ends = new Map<Guest, number>();
  const all: Guest[] = [];

  const startUntil = (endMs: number): void => {
    for (;;) {
      const slot = freeAtMs.indexOf(Math.min(...freeAtMs));
      const nowMs = Math.max(freeAtMs[slot] ?? 0, all.at(-1)?.arrivedAtMs ?? 0);
      if (nowMs > endMs) return;
      const [item, rest] = queues.take(queues.raise(queue, nowMs), ['m']);
      if (item === undefined) return;
      queue = rest;
      freeAtMs[slot] = nowMs + item.holdMs;
      starts.push({ item, atMs: nowMs });
      ends.set(item, nowMs);
    }
  };

  let nowMs = 0;
  visits.forEach(({ afterMs, tier, isOwner, holdMs }, arrival) => {
    nowMs += afterMs;
    if (afterMs > 0) startUntil(nowMs - 1);
    queue = queues.raise(queue, nowMs);
    const item = { key: `k${arrival}`, model: 'm', tier, isOwner, arrival, arrivedAtMs: nowMs, holdMs };
    const guest: Guest = { ...item, expiresAtMs: undefined };
    if (!queues.hasRoom(queue, guest, 100)) return;
    const [joined, displaced] = queues.enqueue(queue, guest, { nowMs, sharePercent: 100 });
    queue = joined;
    all.push(guest);
    if (displaced !== undefined) ends.set(displaced, nowMs);
    startUntil(nowMs);
  });
  startUntil(Infinity);

  /** Who still waited after that moment, and was neither Master nor the owner. */
  const waitedAt = (atMs: number): readonly Guest[] =>
    all.filter(
      (item) =>
        !item.isOwner && item.tier !== 'master' && item.arrivedAtMs <= atMs && (ends.get(item) ?? Infinity) > atMs,
    );
  return { starts, waitedAt };
}
