/** Queued requests while another worker is idle, and owners whose own worker is off duty: where they are answered. */
import { expect, it } from 'vitest';
import { countFrom } from './world/sim-engine.js';
import type { SimRequest } from './world/sim-client.js';
import { World } from './world/world.js';

/** Time for all to find each other. */
const meetMs = 12_000;

const workersOf = ({ answer }: SimRequest): string[] => (answer?.tries ?? []).map(({ worker }) => worker);
const codesOf = ({ answer }: SimRequest): (string | undefined)[] =>
  (answer?.tries ?? []).map(({ failure }) => failure?.code);

/** One busy slot, and another worker that returns `afterMs` later. */
function waitUntil(afterMs: number, tokens: readonly number[]): { requests: SimRequest[]; busy: string; idle: string } {
  const world = new World(1 + afterMs);
  const [busy, idle] = [world.startWorker({ slots: 1 }), world.startWorker({ slots: 2 })];
  const client = world.startClient('gold');
  idle.say({ do: 'pause' });
  world.clock.advance(meetMs);
  const requests = tokens.map((maxTokens, i) =>
    world.ask(client, { prompt: `count from ${i}`, options: { maxTokens }, deadlineMs: 60_000 }),
  );
  world.clock.advance(afterMs);
  idle.say({ do: 'resume' });
  expect(world.clock.runUntil(() => requests.every(({ ends }) => ends > 0), 60_000)).toBe(true);
  world.clock.advance(1_000);
  for (const [i, { ends, failure, text }] of requests.entries())
    expect([ends, failure, text], `after ${afterMs} ms`).toEqual([1, undefined, countFrom(i, tokens[i] ?? 0)]);
  for (const { deps } of world.workers) expect(deps.board.slots.busy).toBe(0);
  expect(world.escalations).toEqual([]);
  return { requests, busy: busy.id, idle: idle.id };
}

it('a queued request moves at once to a worker that becomes free, and a running one stays', () => {
  const { requests, busy, idle } = waitUntil(1_000, [400, 100, 100]);
  expect(requests.map(workersOf)).toEqual([[busy], [busy, idle], [busy, idle]]);
  expect(requests.map(codesOf)).toEqual([[undefined], ['moved', undefined], ['moved', undefined]]);
});

it('a turn that comes during a move neither repeats text nor leaks a slot', () => {
  const tries = Array.from({ length: 30 }, (_, i) => {
    const { requests } = waitUntil(200 + 20 * i, [30, 20]);
    return requests.map((request) => workersOf(request).length);
  });
  expect(tries.every(([first]) => first === 1)).toBe(true);
  expect(new Set(tries.map(([, second]) => second))).toEqual(new Set([1, 2]));
});

it('a worker off duty serves its owner if there is no other worker or it is pinned, and nobody else', () => {
  const world = new World(3);
  const [mine, other] = [world.startWorker(), world.startWorker()];
  const [owner, stranger] = [world.startClient('gold', mine.name), world.startClient('gold')];
  world.clock.advance(meetMs);
  for (const worker of [mine, other]) worker.say({ do: 'pause' });
  world.clock.advance(1_000);
  const request = { prompt: 'count from 1', options: { maxTokens: 5 }, patienceMs: 2_000 };
  const ask = (client: typeof owner, pin?: string): SimRequest => {
    const asked = world.ask(client, { ...request, ...(pin === undefined ? {} : { pin }) });
    expect(world.clock.runUntil(() => asked.ends > 0, 10_000)).toBe(true);
    return asked;
  };
  const served = ask(owner);
  expect(served).toMatchObject({ text: countFrom(1, 5), failure: undefined });
  expect(workersOf(served)).toEqual([mine.id]);
  expect(ask(stranger)).toMatchObject({ text: '', failure: { code: 'no_worker' } });
  other.say({ do: 'resume' });
  world.clock.advance(1_000);
  expect(workersOf(ask(owner))).toEqual([other.id]);
  expect(workersOf(ask(owner, mine.id))).toEqual([mine.id]);
});
