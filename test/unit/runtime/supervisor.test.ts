import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMachine, fromCallback, fromPromise, setup, spawnChild, type AnyActorRef } from 'xstate';
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
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

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
      presence: fromCallback(() => {
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
