/** Clients that have answers checked by a second worker: liars are found out, at nobody else's expense. */
import { expect, it } from 'vitest';
import type { CheckedAnswer } from '../../src/actors/ask/spot-checks.js';
import type { ClientCore } from '../../src/client/core.js';
import { suspicionRules } from '../../src/rules/suspicion.js';
import { inventedBy, type Lie } from './world/lies.js';
import { countFrom } from './world/sim-engine.js';
import type { SimRequest } from './world/sim-client.js';
import type { SimWorker } from './world/sim-worker.js';
import { World } from './world/world.js';

/** Time for all to find each other. */
const meetMs = 12_000;
const tokens = 20;

interface Mesh {
  readonly world: World;
  readonly workers: readonly SimWorker[];
  readonly client: ClientCore;
  readonly checks: CheckedAnswer[];
  readonly ask: (from: number, more?: object) => SimRequest;
}

function meshOf(seed: number, spotChecks: number, tales: readonly (Lie | undefined)[]): Mesh {
  const world = new World(seed);
  const workers = tales.map((lie) => world.startWorker({ lie, slots: 4 }));
  const client = world.startClient('master', undefined, spotChecks);
  const checks: CheckedAnswer[] = [];
  client.spotChecks.onChecked = (checked) => void checks.push(checked);
  world.clock.advance(meetMs);
  const ask = (from: number, more: object = {}): SimRequest => {
    const asked = world.ask(client, { prompt: `count from ${from}`, options: { maxTokens: tokens }, ...more });
    expect(world.clock.runUntil(() => asked.ends > 0, 60_000)).toBe(true);
    world.clock.advance(1_000);
    return asked;
  };
  return { world, workers, client, checks, ask };
}

const askedAt = ({ answer }: SimRequest): string | undefined => answer?.tries.at(-1)?.worker;

it('a worker that makes up answers is avoided for an hour once one of them fails a check', () => {
  const { world, workers, checks, ask } = meshOf(1, 1, ['invents', undefined, undefined]);
  const [liar = '', ...honest] = workers.map(({ id }) => id);
  const first = ask(5, { pin: liar });
  expect(first.text).toBe(countFrom(5 + inventedBy, tokens));
  expect(checks).toMatchObject([{ worker: liar, verdict: 'improbable', isAvoided: true, text: first.text, tokens }]);
  expect(honest).toContain(checks[0]?.checker);
  for (let from = 0; from < 30; from++) expect(ask(from).text).toBe(countFrom(from, tokens));
  // An honest answer stands, whoever checks it: the liar's own calculation is right.
  expect(checks.slice(1).map(({ verdict, isAvoided }) => [verdict, isAvoided])).toEqual(
    Array.from({ length: 30 }, () => ['valid', false]),
  );
  world.clock.advance(suspicionRules.firstMs);
  const later = Array.from({ length: 30 }, (_, from) => askedAt(ask(from)));
  expect(later).toContain(liar);
});

it('an avoided worker is still asked if there is no other', () => {
  const { workers, ask, world, checks } = meshOf(2, 1, ['invents', undefined]);
  const [liar, other] = workers;
  ask(1, { pin: liar?.id });
  other?.say({ do: 'pause' });
  world.clock.advance(1_000);
  expect(askedAt(ask(2))).toBe(liar?.id);
  expect(checks[0]?.isAvoided).toBe(true);
});

it('an answer made by several workers is not checked, since nobody could be blamed', () => {
  const { world, workers, client, checks } = meshOf(3, 1, [undefined, undefined, undefined]);
  const asked = world.ask(client, { prompt: 'count from 5', options: { maxTokens: 60 } });
  expect(world.clock.runUntil(() => asked.text.length > 20, 10_000)).toBe(true);
  const busy = workers.find(({ engines }) => engines.processes.some(({ runs }) => runs > 0));
  world.network.breakConnections(busy?.name ?? '');
  world.network.partition(busy?.name ?? '', 'client-4');
  expect(world.clock.runUntil(() => asked.ends > 0, 60_000)).toBe(true);
  world.clock.advance(5_000);
  expect(asked.text).toBe(countFrom(5, 60));
  expect(asked.answer?.authors.length).toBe(2);
  expect(checks).toEqual([]);
});

it('answers with tools or schemas, short or cancelled ones, and those of models nobody else has are not checked', () => {
  const { world, client, workers, checks, ask } = meshOf(4, 1, [undefined, undefined]);
  ask(1, { tools: [{ name: 'add' }] });
  ask(1, { options: { maxTokens: tokens, jsonSchema: {} } });
  ask(1, { options: { maxTokens: 2 } });
  const cancelled = world.ask(client, { prompt: 'count from 1', options: { maxTokens: 500 } });
  world.clock.runUntil(() => cancelled.text.length > 50, 10_000);
  cancelled.cancel();
  world.clock.advance(2_000);
  workers[1]?.say({ do: 'pause' });
  world.clock.advance(1_000);
  ask(1);
  expect(checks).toEqual([]);
});

it('about the requested share of answers is checked', () => {
  const { checks, ask } = meshOf(5, 0.3, [undefined, undefined]);
  for (let from = 0; from < 100; from++) ask(from);
  expect(checks.length).toBeGreaterThan(15);
  expect(checks.length).toBeLessThan(50);
});

it('at a share of 0 nothing is checked and nobody is avoided', () => {
  const { world, workers, checks, ask } = meshOf(6, 0, ['invents', undefined]);
  const prompts = new Set<string>();
  world.onPosition = (worker, _peer, { id }) => void prompts.add(`${worker.name} ${id}`);
  const at = Array.from({ length: 20 }, (_, from) => askedAt(ask(from)));
  expect([checks, prompts.size]).toEqual([[], 20]);
  expect(new Set(at)).toEqual(new Set(workers.map(({ id }) => id)));
});

it('the outcome of a check never changes the answer', () => {
  const course = (spotChecks: number): unknown[] => {
    const { world, ask, workers } = meshOf(7, spotChecks, [undefined, undefined]);
    return Array.from({ length: 10 }, (_, from) => {
      const { text, failure } = ask(from, { pin: workers[0]?.id });
      workers[1]?.freeze(2_000);
      world.clock.advance(3_000);
      return [text, failure];
    });
  };
  expect(course(1)).toEqual(course(0));
});
