/**
 * The fault port: crashes any actor of a running tree, as a bug in it would. It works on machines, callbacks and
 * supervisors at any depth, because it replaces the logic of that one actor with one that throws. The program itself
 * knows nothing of it.
 */
import type { AnyActorRef } from 'xstate';

/** Crashes `ref` on the event `sys.crash`, sent now. Its supervisor sees `error`. */
export function crash(ref: AnyActorRef, error: Error = new Error(`${ref.id} was made to crash`)): void {
  const actor = ref as unknown as { logic: object };
  actor.logic = Object.assign(Object.create(actor.logic) as object, {
    transition: () => {
      throw error;
    },
  });
  ref.send({ type: 'sys.crash' });
}

/** Every actor of the tree that is up, parents before children, with the path of ids that leads to it. */
export function everyActor(root: AnyActorRef, path = root.id): { path: string; ref: AnyActorRef }[] {
  const { children = {} } = root.getSnapshot() as { children?: Record<string, AnyActorRef | undefined> };
  const below = Object.values(children).flatMap((child) => (child ? everyActor(child, `${path}/${child.id}`) : []));
  return [{ path, ref: root }, ...below];
}
