/**
 * Sends to an actor by name even if it may be down. XState's own `sendTo` is unsuitable: if the target is missing, it
 * delivers the event to the sender itself, or crashes the sender.
 */
import type { AnyActorRef, AnyEventObject } from 'xstate';
import { sendFrom, statusOf, type AnyActorSystem } from './actor-system.js';

/** How many undelivered events are remembered by name; all are counted. */
const maxRecentDeadLetters = 16;

export interface DeadLetter {
  readonly to: string;
  readonly type: string;
}

export interface DeadLetters {
  readonly count: number;
  /** The last few, oldest first. */
  readonly recent: readonly DeadLetter[];
}

const none: DeadLetters = { count: 0, recent: [] };
const dead = new WeakMap<AnyActorSystem, DeadLetters>();

/**
 * Sends `event` to the actor with system id `id`. If there is none, it is not active, or it is the sender, the event is
 * dropped and counted. Never throws: a receiver that crashes on the event is its supervisor's concern.
 *
 * @param from the sender, for inspection.
 * @returns whether it was delivered.
 */
export function tell(system: AnyActorSystem, id: string, event: AnyEventObject, from?: AnyActorRef): boolean {
  const target = system.get(id) as AnyActorRef | undefined;
  if (!target || target === from || statusOf(target) !== 'active') {
    bury(system, { to: id, type: event.type });
    return false;
  }
  sendFrom(from, target, event);
  return true;
}

export function deadLetters(system: AnyActorSystem): DeadLetters {
  return dead.get(system) ?? none;
}

function bury(system: AnyActorSystem, letter: DeadLetter): void {
  const { count, recent } = deadLetters(system);
  dead.set(system, { count: count + 1, recent: [...recent, letter].slice(-maxRecentDeadLetters) });
}
