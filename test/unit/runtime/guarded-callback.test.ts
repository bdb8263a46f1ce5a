import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type AnyActorRef } from 'xstate';
import { guardedCallback, type GuardedBody } from '../../../src/runtime/guarded-callback.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { startTree } from '../../../src/runtime/start-tree.js';
import type { SupervisionEvent } from '../../../src/runtime/supervision.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

type Command = { type: 'go' } | { type: 'sys.shutdown' };

/** One guarded actor, `it`, under a supervisor that never restarts it. */
function boot(body: GuardedBody<string, Command>, shutdownMs = 0) {
  const clock = new VirtualClock();
  const events: SupervisionEvent[] = [];
  const logged: unknown[] = [];
  const tree = startTree(
    {
      id: 'root',
      strategy: 'one-for-one',
      children: [{ id: 'it', logic: guardedCallback(body), input: 'hello', restart: 'temporary', shutdownMs }],
    },
    { clock, random: seededRandom(1), onEvent: (event) => void events.push(event) },
    { log: (...args) => void logged.push(args) },
  );
  const ref = tree.system.get('it') as AnyActorRef | undefined;
  return {
    tree,
    clock,
    logged,
    go: () => ref?.send({ type: 'go' }),
    failures: () => events.flatMap((event) => (event.type === 'child.failed' ? [(event.error as Error).message] : [])),
    hasEnded: () => events.some(({ type }) => type === 'child.ended'),
  };
}

const boom = (): never => {
  throw new Error('boom');
};
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('guarded callback', () => {
  const failing: Record<string, GuardedBody<string, Command>> = {
    'its body': boom,
    'its receiver': ({ receive }) => receive(boom),
    'a timer': ({ receive, after }) => receive(() => void after(5, boom)),
    'a repeated timer': ({ receive, every }) => receive(() => void every(5, boom)),
    'a listener of an emitter': ({ receive, guard }) => {
      const emitter = new EventEmitter();
      emitter.on('data', guard(boom));
      receive(() => void emitter.emit('data'));
    },
    'a promise': ({ receive, guard }) => receive(() => guard(() => Promise.reject(new Error('boom')))()),
    'an explicit call': ({ receive, fail }) => receive(() => fail(new Error('boom'))),
  };
  for (const [where, body] of Object.entries(failing)) {
    it(`fails on an error in ${where}, and releases once what it holds`, async () => {
      let released = 0;
      const t = boot((scope) => {
        scope.defer(() => released++);
        return body(scope);
      });
      t.go();
      t.clock.advance(10);
      await settled();
      expect(t.failures()).toEqual(['boom']);
      expect(released).toBe(1);
      expect(t.clock.pending).toBe(0);
      t.tree.stop();
      expect(released).toBe(1);
    });
  }

  it('releases when stopped: the latest first, each even if another one throws', () => {
    const order: string[] = [];
    const t = boot(({ defer, after, every }) => {
      after(1_000, boom);
      every(1_000, boom);
      defer(() => order.push('first'));
      defer(boom);
      return () => order.push('last');
    });
    expect(t.clock.pending).toBe(2);
    t.tree.stop();
    expect(order).toEqual(['last', 'first']);
    expect(t.clock.pending).toBe(0);
    expect(t.logged).toMatchObject([['it: a release failed', { message: 'boom' }]]);
  });

  it('is idle once over: guarded functions, timers, and late errors do nothing', async () => {
    let calls = 0;
    let late: () => void = boom;
    let rejectLate: (error: Error) => void = boom;
    let released = 0;
    const t = boot(({ guard, after, defer }) => {
      guard(() => new Promise((_resolve, reject) => (rejectLate = reject)))();
      late = guard(() => {
        calls++;
        after(1, boom);
        defer(() => released++);
      });
    });
    t.tree.stop();
    late();
    rejectLate(new Error('too late'));
    await settled();
    expect([calls, released, t.clock.pending]).toEqual([0, 0, 0]);
    expect(t.failures()).toEqual([]);
  });

  it('repeats until cancelled, also from inside', () => {
    let turns = 0;
    const t = boot(({ every }) => {
      const cancel = every(10, () => {
        if (++turns === 3) cancel();
      });
    });
    t.clock.advance(100);
    expect(turns).toBe(3);
    expect(t.clock.pending).toBe(0);
  });

  it('answers a shutdown in its own time', () => {
    const t = boot(({ receive, after, end }) => receive(() => void after(30, end)), 100);
    let stopped = false;
    t.tree.stop(() => (stopped = true));
    t.clock.advance(29);
    expect(stopped).toBe(false);
    t.clock.advance(1);
    expect(stopped).toBe(true);
    expect(t.hasEnded()).toBe(true);
  });

  it('gets its input', () => {
    let input: unknown;
    boot((scope) => void (input = scope.input));
    expect(input).toBe('hello');
  });
});
