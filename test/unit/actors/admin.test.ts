/** The admin actor in the tree of a simulated worker: its crash is nobody else's, and its server is closed before the next one opens. */
import { expect, it } from 'vitest';
import type { AdminPort } from '../../../src/actors/admin.actor.js';
import type { ListenerEvents } from '../../../src/actors/listener.actor.js';
import { World } from '../../simulation/world/world.js';

function fakeServer(): AdminPort & { readonly seen: string[]; fail(error: Error): void } {
  const seen: string[] = [];
  let events: ListenerEvents | undefined;
  return {
    seen,
    open(_deps, _system, on) {
      events = on;
      seen.push('opened');
      on.listening('127.0.0.1:8787');
      return { close: () => seen.push('closed') };
    },
    fail: (error) => events?.failed(error),
  };
}

it('is up before the others, survives alone, and is closed with the worker', () => {
  const world = new World(5);
  const admin = fakeServer();
  const worker = world.startWorker({ admin });
  expect(admin.seen).toEqual(['opened']);
  world.clock.advance(12_000);
  const before = [...worker.deps.restarts.failures.keys()];
  worker.crash('admin');
  world.clock.advance(1_000);
  expect(admin.seen).toEqual(['opened', 'closed', 'opened']);
  expect([...worker.deps.restarts.failures.keys()]).toEqual([...before, 'admin']);
  expect(worker.deps.restarts.count).toBe(1);
  admin.fail(new Error('the port went away'));
  expect(admin.seen.at(-1)).toBe('closed');
  world.clock.advance(1_000);
  expect(admin.seen.at(-1)).toBe('opened');
  worker.tree.stop();
  world.clock.advance(60_000);
  expect(admin.seen.at(-1)).toBe('closed');
  expect(world.escalations).toEqual([]);
});
