/**
 * The only file that depends on internals of XState (5.33.3, pinned exactly): what supervision needs and the public API
 * cannot do. If an upgrade changes one of them, the unit tests of this folder fail.
 */
import type { AnyActorRef, AnyEventObject } from 'xstate';

export type AnyActorSystem = AnyActorRef['system'];

interface ActorInternals {
  readonly _parent?: AnyActorRef;
  _stop(): void;
}

interface SystemInternals {
  _unregister: (ref: AnyActorRef) => void;
  _relay: (source: AnyActorRef | undefined, target: AnyActorRef, event: AnyEventObject) => void;
  _sendInspectionEvent: (seen: Seen) => void;
}

const internalsOf = (ref: AnyActorRef): ActorInternals => ref as unknown as ActorInternals;
const systemInternalsOf = (system: AnyActorSystem): SystemInternals => system as unknown as SystemInternals;

export const parentOf = (ref: AnyActorRef): AnyActorRef | undefined => internalsOf(ref)._parent;

/** active, done, error or stopped. Undefined if the actor's logic failed before its first snapshot. */
export function statusOf(ref: AnyActorRef): string | undefined {
  return (ref.getSnapshot() as { readonly status: string } | undefined)?.status;
}

/** In the order they were spawned. Only machines have children. */
export function childrenOf(ref: AnyActorRef): AnyActorRef[] {
  const snapshot = ref.getSnapshot() as { children?: Record<string, AnyActorRef | undefined> } | undefined;
  return Object.values(snapshot?.children ?? {}).filter((child) => child !== undefined);
}

/** Like `target.send(event)`, but an inspector sees the sender. */
export function sendFrom(source: AnyActorRef | undefined, target: AnyActorRef, event: AnyEventObject): void {
  systemInternalsOf(target.system)._relay(source, target, event);
}

/**
 * Stops an actor and all its descendants at once, youngest first. Their system ids are free when this returns. XState
 * on its own stops the oldest first, and does not stop the descendants of an actor that failed.
 */
export function stopTree(ref: AnyActorRef): void {
  for (const child of childrenOf(ref).reverse()) stopTree(child);
  internalsOf(ref)._stop();
  systemInternalsOf(ref.system)._unregister(ref); // an actor in the middle of an event stops only after it
}

/**
 * What XState reports to inspectors: `@xstate.event` for each message before delivery, `@xstate.snapshot` for the
 * result, and more.
 */
export interface Seen {
  readonly type: string;
  readonly actorRef: AnyActorRef;
  readonly event: AnyEventObject;
  readonly sourceRef?: AnyActorRef;
}

const lookers = new WeakMap<AnyActorSystem, Set<(seen: Seen) => void>>();

/**
 * Like `system.inspect` at half the cost: `look` gets only messages and snapshots. XState copies
 * neither these nor the several actions and microsteps per message. `look` must not throw.
 *
 * @returns unsubscribe
 */
export function lookAt(system: AnyActorSystem, look: (seen: Seen) => void): () => void {
  const internals = systemInternalsOf(system);
  const known = lookers.get(system) ?? new Set();
  if (!lookers.has(system)) {
    lookers.set(system, known);
    const tell = internals._sendInspectionEvent;
    internals._sendInspectionEvent = (seen) => {
      tell(seen);
      if (known.size === 0 || (seen.type !== '@xstate.event' && seen.type !== '@xstate.snapshot')) return;
      for (const each of known) each(seen);
    };
  }
  known.add(look);
  return () => known.delete(look);
}

const reaping = new WeakSet<AnyActorSystem>();

/**
 * From now on, an actor of `system` that fails takes its descendants with it, anywhere in the tree. XState leaves them
 * running (statelyai/xstate#5153), and keeps the system ids of children spawned by the step that threw.
 */
export function reapOrphans(system: AnyActorSystem): void {
  if (reaping.has(system)) return;
  reaping.add(system);
  const internals = systemInternalsOf(system);
  const unregister = internals._unregister;
  // Every finished actor is unregistered before its parent is notified.
  internals._unregister = (ref) => {
    unregister(ref);
    if (statusOf(ref) !== 'error') return;
    const neverStarted = Object.values(system.getAll()).filter(
      (named) => named && parentOf(named as AnyActorRef) === ref,
    );
    for (const orphan of [...childrenOf(ref), ...(neverStarted as AnyActorRef[])].reverse()) stopTree(orphan);
  };
}
