import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMachine, fromCallback, fromPromise, sendTo, setup, spawnChild, type AnyActorRef } from 'xstate';
import { guardedCallback } from '../../../src/runtime/guarded-callback.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { startTree, type Tree } from '../../../src/runtime/start-tree.js';
import {
  EscalationError,
  type ActorSpec,
  type ChildSpec,
  type SupervisionEvent,
  type SupervisorSpec,
} from '../../../src/runtime/supervision.js';
import { supervisor } from '../../../src/runtime/supervisor.js';
import { deadLetters, tell } from '../../../src/runtime/tell.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { crash, everyActor } from '../../support/crash.js';

let uncaught: unknown[] = [];
const onUncaught = (error: unknown): void => void uncaught.push(error);
beforeEach(() => {
  uncaught = [];
  process.on('uncaughtException', onUncaught);
});
afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 1)); // XState reports what nobody handled in a macrotask
  process.off('uncaughtException', onUncaught);
  expect(uncaught).toEqual([]);
});

/** What the children of a test did, in order. */
let journal: string[] = [];
beforeEach(() => void (journal = []));

/** A machine that runs until told to crash or finish, writes down what befalls it, and ends when asked to. */
function worker(name: string) {
  const types = {} as { events: { type: 'crash' } | { type: 'finish' } | { type: 'sys.shutdown' } };
  return setup({
    types,
    actors: {
      presence: guardedCallback(() => {
        journal.push(`${name} up`);
        return () => void journal.push(`${name} down`);
      }),
    },
    actions: {
      crash: () => {
        throw new Error(`${name} crashed`);
      },
      note: () => void journal.push(`${name} asked to end`),
    },
  }).createMachine({
    initial: 'on',
    states: {
      on: {
        invoke: { src: 'presence' },
        on: { crash: { actions: 'crash' }, finish: 'end', 'sys.shutdown': { target: 'end', actions: 'note' } },
      },
      end: { type: 'final' },
    },
  });
}

const workers = (...ids: string[]): ActorSpec[] => ids.map((id) => ({ id, logic: worker(id), shutdownMs: 50 }));

/** Delays are exact: no jitter. */
const steady = { baseMs: 100, factor: 2, maxMs: 1_000, jitter: 0 };

interface Bench extends Tree {
  readonly clock: VirtualClock;
  readonly events: SupervisionEvent[];
  readonly escalations: unknown[];
  get(id: string): AnyActorRef | undefined;
  crash(id: string): void;
  lastDelayMs(): number | undefined;
}

function boot(spec: Partial<SupervisorSpec> & { children: readonly ChildSpec[] }): Bench {
  const clock = new VirtualClock();
  const events: SupervisionEvent[] = [];
  const escalations: unknown[] = [];
  const ports = { clock, random: seededRandom(1), onEvent: (event: SupervisionEvent) => void events.push(event) };
  const tree = startTree({ id: 'root', strategy: 'one-for-one', backoff: steady, ...spec }, ports);
  tree.onEscalation((error) => escalations.push(error));
  const get = (id: string) => tree.system.get(id) as AnyActorRef | undefined;
  return {
    ...tree,
    clock,
    events,
    escalations,
    get,
    crash: (id) => get(id)!.send({ type: 'crash' }),
    lastDelayMs: () => {
      const last = events.at(-1);
      return last && 'restartInMs' in last ? last.restartInMs : undefined;
    },
  };
}

describe('restarts', () => {
  it('one-for-one brings back the failed child alone, under its name, after the backoff', () => {
    const t = boot({ children: workers('a', 'b', 'c') });
    const before = t.get('b');
    t.crash('b');
    expect(t.get('b')).toBeUndefined();
    t.clock.advance(99);
    expect(t.get('b')).toBeUndefined();
    t.clock.advance(1);
    expect(t.get('b')?.getSnapshot().status).toBe('active');
    expect(t.get('b')).not.toBe(before);
    expect(journal).toEqual(['a up', 'b up', 'c up', 'b down', 'b up']);
  });

  it('rest-for-one takes those started later along, the youngest first', () => {
    const t = boot({ strategy: 'rest-for-one', children: workers('a', 'b', 'c', 'd') });
    journal = [];
    t.crash('b');
    expect(journal).toEqual(['b down', 'd down', 'c down']);
    t.clock.advance(100);
    expect(journal.slice(3)).toEqual(['b up', 'c up', 'd up']);
  });

  it('one-for-all takes everyone along, the youngest first', () => {
    const t = boot({ strategy: 'one-for-all', children: workers('a', 'b', 'c') });
    journal = [];
    t.crash('c');
    t.clock.advance(100);
    expect(journal).toEqual(['c down', 'b down', 'a down', 'a up', 'b up', 'c up']);
  });

  it('restarts by kind', () => {
    const kinds = workers('permanent', 'transient', 'temporary').map((spec) => ({
      ...spec,
      restart: spec.id as 'permanent',
    }));
    const t = boot({ children: kinds });
    const up = () => kinds.map(({ id }) => id).filter((id) => t.get(id));
    for (const { id } of kinds) t.get(id)!.send({ type: 'finish' });
    t.clock.advance(100);
    expect(up()).toEqual(['permanent']);
    const u = boot({ children: kinds });
    for (const { id } of kinds) u.crash(id);
    u.clock.advance(100);
    expect(kinds.map(({ id }) => id).filter((id) => u.get(id))).toEqual(['permanent', 'transient']);
  });

  it('waits longer with every restart in a row, and forgets after a stable time', () => {
    const t = boot({ children: workers('a'), intensity: { maxRestarts: 10, windowMs: 10_000 } });
    const delays: (number | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      t.crash('a');
      delays.push(t.lastDelayMs());
      t.clock.advance(t.lastDelayMs()!);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    t.clock.advance(10_000);
    t.crash('a');
    expect(t.lastDelayMs()).toBe(100);
  });
});

describe('escalation', () => {
  it('stops the children, fails, and leaves nothing behind', () => {
    const t = boot({ children: workers('a', 'b'), intensity: { maxRestarts: 2, windowMs: 60_000 } });
    for (let i = 0; i < 2; i++) {
      t.crash('a');
      t.clock.advance(1_000);
    }
    journal = [];
    t.crash('a');
    expect(journal).toEqual(['a down', 'b down']);
    expect(t.escalations).toHaveLength(1);
    expect(t.escalations[0]).toBeInstanceOf(EscalationError);
    expect((t.escalations[0] as Error).cause).toMatchObject({ message: 'a crashed' });
    expect((t.escalations[0] as Error).message).toBe(
      'root: more than 2 restarts within 60000 ms, the last one of a: a crashed',
    );
    expect(t.clock.pending).toBe(0);
    expect(t.system.getAll()).toEqual({});
  });

  it('does not come from failures that are further apart than the window', () => {
    const t = boot({ children: workers('a'), intensity: { maxRestarts: 1, windowMs: 500 } });
    for (let i = 0; i < 20; i++) {
      t.crash('a');
      t.clock.advance(1_500);
    }
    expect(t.escalations).toEqual([]);
  });

  it('of a supervisor inside: its parent restarts the whole table', () => {
    const inner: SupervisorSpec = {
      id: 'inner',
      strategy: 'one-for-one',
      intensity: { maxRestarts: 1, windowMs: 60_000 },
      backoff: steady,
      children: workers('x', 'y'),
    };
    const t = boot({ children: [inner] });
    t.crash('x');
    t.clock.advance(100);
    journal = [];
    t.crash('x');
    expect(journal).toEqual(['x down', 'y down']);
    expect(t.get('y')).toBeUndefined();
    t.clock.advance(100);
    expect(journal.slice(2)).toEqual(['x up', 'y up']);
    expect(t.escalations).toEqual([]);
  });

  it('of a child that fails at every start is reached step by step, never in a loop', () => {
    let starts = 0;
    const bad = createMachine({
      context: () => {
        starts++;
        throw new Error('no disk');
      },
    });
    const t = boot({ children: [{ id: 'bad', logic: bad }], intensity: { maxRestarts: 3, windowMs: 60_000 } });
    expect(starts).toBe(1);
    t.clock.advance(60_000);
    expect(starts).toBe(4);
    expect(t.escalations).toHaveLength(1);
  });
});

describe('escalation at the very start', () => {
  it('is kept until somebody asks', () => {
    const bad = fromCallback(() => {
      throw new Error('no disk');
    });
    const t = boot({ children: [{ id: 'bad', logic: bad }], intensity: { maxRestarts: 0, windowMs: 1 } });
    expect(t.escalations).toMatchObject([{ cause: { message: 'no disk' } }]);
  });
});

describe('shutdown', () => {
  it('asks the youngest first, waits for each, and stops who takes too long', () => {
    const deaf = setup({}).createMachine({
      on: { 'sys.shutdown': { actions: () => void journal.push('deaf asked') } },
    });
    const t = boot({ children: [...workers('a', 'b'), { id: 'deaf', logic: deaf, shutdownMs: 50 }] });
    let stopped = 0;
    journal = [];
    t.stop(() => stopped++);
    expect(journal).toEqual(['deaf asked']);
    t.clock.advance(49);
    expect(journal).toEqual(['deaf asked']);
    t.clock.advance(1);
    expect(journal).toEqual(['deaf asked', 'b asked to end', 'b down', 'a asked to end', 'a down']);
    expect(stopped).toBe(1);
    expect(t.clock.pending).toBe(0);
    expect(t.system.getAll()).toEqual({});
    t.stop(() => stopped++);
    expect(stopped).toBe(2);
  });
});

describe('shutdown of a tree', () => {
  it('goes through supervisors inside, which are awaited', () => {
    const inner: SupervisorSpec = { id: 'inner', strategy: 'one-for-all', children: workers('x', 'y') };
    const t = boot({ children: [...workers('a'), inner, ...workers('b')] });
    journal = [];
    let isStopped = false;
    t.stop(() => (isStopped = true));
    expect(journal.filter((line) => line.endsWith('down'))).toEqual(['b down', 'y down', 'x down', 'a down']);
    expect(isStopped).toBe(true);
  });

  it('cancels restarts that are due', () => {
    const t = boot({ children: workers('a', 'b') });
    t.crash('a');
    journal = [];
    t.stop();
    t.clock.advance(60_000);
    expect(journal).toEqual(['b asked to end', 'b down']);
  });

  it('goes on when a child crashes instead of ending, or before its turn', () => {
    const brittle = setup({}).createMachine({
      on: {
        'sys.shutdown': {
          actions: () => {
            throw new Error('cannot flush');
          },
        },
      },
    });
    const slow = setup({ delays: { aWhile: 20 } }).createMachine({
      initial: 'on',
      states: { on: { on: { 'sys.shutdown': 'off' } }, off: { after: { aWhile: 'end' } }, end: { type: 'final' } },
    });
    const t = boot({
      children: [
        ...workers('a', 'early'),
        { id: 'slow', logic: slow, shutdownMs: 50 },
        { id: 'brittle', logic: brittle, shutdownMs: 50 },
      ],
    });
    let isStopped = false;
    t.stop(() => (isStopped = true));
    t.root.send({ type: 'sup.start', spec: { id: 'late', logic: worker('late') } });
    expect(t.events.at(-1)).toMatchObject({ type: 'child.refused', id: 'late', reason: 'its supervisor is stopping' });
    t.crash('early');
    t.clock.advance(20);
    expect(isStopped).toBe(true);
    expect(t.escalations).toEqual([]);
  });

  it('leaves nothing when the root is stopped without ceremony', () => {
    const inner: SupervisorSpec = { id: 'inner', strategy: 'one-for-one', children: workers('x') };
    const t = boot({ children: [...workers('a'), inner] });
    t.crash('a');
    t.root.stop();
    let isStopped = false;
    t.stop(() => (isStopped = true));
    expect(isStopped).toBe(true);
    expect(journal.filter((line) => line.startsWith('x'))).toEqual(['x up', 'x down']);
    expect(t.clock.pending).toBe(0);
    expect(t.system.getAll()).toEqual({});
  });
});

describe('children that come and go', () => {
  const start = (t: Bench, spec: ActorSpec) => t.root.send({ type: 'sup.start', spec });

  it('start by event, under their name, and leave the table when they are over', () => {
    const t = boot({ children: workers('a') });
    for (const restart of ['temporary', 'transient'] as const) {
      for (let round = 0; round < 3; round++) {
        start(t, { id: 'peer.1', logic: worker('peer.1'), restart });
        t.get('peer.1')!.send({ type: 'finish' });
        expect(t.get('peer.1')).toBeUndefined();
      }
    }
    start(t, { id: 'peer.1', logic: worker('peer.1'), restart: 'temporary' });
    t.crash('peer.1');
    t.clock.advance(60_000);
    expect(t.get('peer.1')).toBeUndefined();
    expect(t.events.filter(({ type }) => type === 'child.refused')).toEqual([]);
  });

  it('are refused when the id is in use, anywhere in the tree, or the table is full', () => {
    const t = boot({ children: workers('a'), maxChildren: 2 });
    const inner: SupervisorSpec = { id: 'inner', strategy: 'one-for-one', children: workers('x') };
    start(t, { id: 'inner', logic: supervisor(inner, { clock: t.clock, random: seededRandom(1) }) });
    for (const id of ['a', 'x', 'b']) start(t, { id, logic: worker(id) });
    expect(t.events.filter(({ type }) => type === 'child.refused')).toMatchObject([
      { id: 'a', reason: 'its id is in use' },
      { id: 'x', reason: 'its id is in use' },
      { id: 'b', reason: 'there are 2 children already' },
    ]);
    expect(t.get('a')?.getSnapshot().status).toBe('active');
  });

  it('are let go by event: asked first, stopped when out of time, never restarted', () => {
    const deaf = setup({}).createMachine({});
    const t = boot({ children: [...workers('a'), { id: 'deaf', logic: deaf, shutdownMs: 50 }] });
    journal = [];
    t.root.send({ type: 'sup.stop', id: 'a' });
    t.root.send({ type: 'sup.stop', id: 'deaf' });
    t.root.send({ type: 'sup.stop', id: 'nobody' });
    expect(journal).toEqual(['a asked to end', 'a down']);
    expect(t.get('deaf')?.getSnapshot().status).toBe('active');
    t.clock.advance(50);
    expect(t.system.getAll()).toEqual({ root: t.root });
    t.clock.advance(60_000);
    expect(Object.keys(t.root.getSnapshot().children)).toEqual([]);
  });

  it('of a group in backoff start with their group', () => {
    const t = boot({ strategy: 'rest-for-one', children: workers('a') });
    t.crash('a');
    start(t, { id: 'late', logic: worker('late') });
    expect(t.get('late')).toBeUndefined();
    t.clock.advance(100);
    expect(journal.slice(-2)).toEqual(['a up', 'late up']);
  });

  it('are not restarted by a group when temporary', () => {
    const t = boot({ strategy: 'one-for-all', children: workers('a') });
    start(t, { id: 'guest', logic: worker('guest'), restart: 'temporary' });
    t.crash('a');
    t.clock.advance(100);
    expect(t.get('guest')).toBeUndefined();
    expect(t.get('a')).toBeDefined();
  });
});

describe('what XState would leave behind', () => {
  const presence = (name: string) =>
    guardedCallback(() => {
      journal.push(`${name} up`);
      return () => void journal.push(`${name} down`);
    });

  it('descendants of a machine that crashed are stopped, at any depth', () => {
    // m > c > d > e: d crashes, c and m do not handle it and fail in turn; only m has a supervisor
    const e = presence('e');
    const d = setup({ actors: { e } }).createMachine({
      invoke: { src: 'e' },
      on: {
        crash: {
          actions: () => {
            throw new Error('d crashed');
          },
        },
      },
    });
    const side = presence('side');
    const c = setup({ actors: { d, side } }).createMachine({
      invoke: [
        { src: 'd', id: 'd' },
        { src: 'side', id: 'side' },
      ],
      on: { crash: { actions: sendTo('d', { type: 'crash' }) } },
    });
    const m = setup({ actors: { c } }).createMachine({
      invoke: { src: 'c', id: 'c' },
      on: { crash: { actions: sendTo('c', { type: 'crash' }) } },
    });
    const t = boot({ children: [{ id: 'm', logic: m }] });
    expect(journal).toEqual(['e up', 'side up']);
    t.crash('m');
    expect(journal.slice(2).sort()).toEqual(['e down', 'side down']);
    t.clock.advance(100);
    expect(journal.slice(4)).toEqual(['e up', 'side up']);
  });

  it('system ids taken in a step that then throws are free for the restart', () => {
    let starts = 0;
    const half = createMachine({
      entry: [
        spawnChild(createMachine({}), { id: 'g', systemId: 'taken' }),
        () => {
          if (starts++ === 0) throw new Error('half way');
        },
      ],
    });
    const lazy = createMachine({
      entry: spawnChild(createMachine({}), { id: 'h', systemId: 'inner-taken' }),
      context: () => ({}),
    });
    let inits = 0;
    const early = createMachine({
      context: ({ spawn }) => {
        spawn(lazy, { id: 'lazy', systemId: 'lazy' });
        if (inits++ === 0) throw new Error('too early');
        return {};
      },
    });
    const t = boot({
      children: [
        { id: 'half', logic: half },
        { id: 'early', logic: early },
      ],
    });
    t.clock.advance(100);
    expect(Object.keys(t.system.getAll()).sort()).toEqual(['early', 'half', 'inner-taken', 'lazy', 'root', 'taken']);
    expect(t.escalations).toEqual([]);
  });

  it('the failure of an incarnation that was replaced is ignored', () => {
    // Both fail in the step that starts them: the first failure takes the second child along, whose failure then comes late.
    let starts = 0;
    const bad = createMachine({
      context: () => {
        if (starts++ < 2) throw new Error('not yet');
        return {};
      },
    });
    const t = boot({
      strategy: 'one-for-all',
      children: [
        { id: 'p', logic: bad },
        { id: 'q', logic: bad },
      ],
      intensity: { maxRestarts: 1, windowMs: 60_000 },
    });
    t.clock.advance(100);
    expect(t.escalations).toEqual([]);
    expect(t.get('q')?.getSnapshot().status).toBe('active');
  });

  it('the late failure of an actor that was let go is not taken for that of its successor under the same id', () => {
    const again = { id: 'guest', logic: createMachine({}), restart: 'temporary' as const };
    const guest = setup({
      actions: {
        replaceMe: ({ system }) => {
          tell(system, 'root', { type: 'sup.stop', id: 'guest' });
          tell(system, 'root', { type: 'sup.start', spec: again });
          throw new Error('too late');
        },
      },
    }).createMachine({ on: { crash: { actions: 'replaceMe' } } });
    const t = boot({ children: [{ id: 'guest', logic: guest }] });
    t.crash('guest');
    expect(t.get('guest')?.getSnapshot().status).toBe('active');
    expect(t.events.map(({ type }) => type)).toEqual(['child.started', 'child.ended', 'child.started']);
    t.stop();
    expect(t.system.getAll()).toEqual({});
  });

  it('an input that throws, a rejected promise, a callback that throws: all are failures of the child', () => {
    const t = boot({
      children: [
        {
          id: 'input',
          logic: createMachine({}),
          input: () => {
            throw new Error('no input');
          },
        },
        { id: 'callback', logic: fromCallback(() => JSON.parse('{') as never) },
        { id: 'promise', logic: fromPromise(() => Promise.reject(new Error('no promise'))) },
      ],
    });
    const failed = () =>
      t.events.filter(({ type }) => type === 'child.failed').map((event) => 'id' in event && event.id);
    expect(failed()).toEqual(['input', 'callback']);
    return new Promise(setImmediate).then(() => expect(failed()).toEqual(['input', 'callback', 'promise']));
  });

  it('nothing after a thousand restarts', () => {
    const t = boot({ children: workers('a', 'b'), intensity: { maxRestarts: 3, windowMs: 10 } });
    for (let i = 0; i < 1_000; i++) {
      t.crash('b');
      t.clock.advance(1_000);
    }
    expect(Object.keys(t.root.getSnapshot().children).sort()).toEqual(expect.arrayContaining(['a']));
    expect(Object.keys(t.root.getSnapshot().children)).toHaveLength(2);
    expect(t.clock.pending).toBe(0);
  });
});

describe('tables', () => {
  it('with one id twice are refused, wherever in the tree', () => {
    const inner: SupervisorSpec = { id: 'inner', strategy: 'one-for-one', children: workers('a') };
    expect(() => boot({ children: [...workers('a'), inner] })).toThrow('there are two actors named a');
  });
});

describe('tell', () => {
  it('delivers to who is up, and counts what it cannot deliver', () => {
    const t = boot({ children: workers('a') });
    const { system } = t;
    expect(tell(system, 'a', { type: 'noted' })).toBe(true);
    expect(tell(system, 'nobody', { type: 'hello' })).toBe(false);
    expect(tell(system, 'a', { type: 'to.myself' }, t.get('a'))).toBe(false);
    expect(tell(system, 'a', { type: 'crash' })).toBe(true); // the receiver's crash is not the sender's
    expect(tell(system, 'a', { type: 'too.late' })).toBe(false);
    expect(deadLetters(system)).toEqual({
      count: 3,
      recent: [
        { to: 'nobody', type: 'hello' },
        { to: 'a', type: 'to.myself' },
        { to: 'a', type: 'too.late' },
      ],
    });
    for (let i = 0; i < 100; i++) tell(system, 'nobody', { type: `n${i}` });
    expect(deadLetters(system).count).toBe(103);
    expect(deadLetters(system).recent).toHaveLength(16);
    expect(deadLetters(system).recent.at(-1)).toEqual({ to: 'nobody', type: 'n99' });
  });
});

describe('every actor of a tree', () => {
  it('can crash, and the tree stands again within a second, with nothing left over', () => {
    const inner: SupervisorSpec = { id: 'inner', strategy: 'rest-for-one', children: workers('x', 'y') };
    const t = boot({
      strategy: 'one-for-all',
      children: [...workers('a'), inner, ...workers('b')],
      backoff: { ...steady, factor: 1 },
    });
    const standing = () => everyActor(t.root).map(({ path }) => path);
    const before = standing();
    expect(before).toHaveLength(10); // 6 children, of which 4 workers with one callback each
    for (const path of before.slice(1)) {
      const { ref } = everyActor(t.root).find((actor) => actor.path === path)!;
      crash(ref);
      expect(ref.getSnapshot().status).toBe('error');
      t.clock.advance(11_000);
      expect(standing()).toEqual(before);
    }
    const ups = journal.filter((line) => line.endsWith('up')).length;
    const downs = journal.filter((line) => line.endsWith('down')).length;
    expect(ups - downs).toBe(4);
  });
});
