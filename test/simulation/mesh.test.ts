/**
 * The whole mesh, simulated: every course of events ends well. A failed seed replays exactly:
 * `QMESH_SEED=<seed> npm run test:simulation`.
 */
import { expect, it } from 'vitest';
import { playCourse } from './world/scenario.js';
import { countFrom } from './world/sim-engine.js';
import { World } from './world/world.js';

const soak = process.env.QMESH_SOAK === '1';
const seeds = process.env.QMESH_SEED === undefined ? range(soak ? 20_000 : 1_000) : [Number(process.env.QMESH_SEED)];

it(`every request ends once, and with nothing but its own text (${seeds.length} seeds)`, () => {
  for (const seed of seeds) {
    const world = new World(seed);
    const { requests, log } = playCourse(world);
    const told = `seed ${seed}; replay with QMESH_SEED=${seed} npm run test:simulation\n${log.join('\n')}`;
    for (const { request, text, ends, cancelled, answer, failure } of requests) {
      const start = Number(/from (\d+)/.exec(request.prompt ?? '')?.[1]);
      const whole = countFrom(start, request.options?.maxTokens ?? 0);
      expect(ends, told).toBe(1);
      expect(whole.startsWith(text), `${told}\n"${text}" does not begin "${whole}"`).toBe(true);
      expect(answer?.text, told).toBe(text);
      if (failure === undefined && !cancelled) expect(text, told).toBe(whole);
    }
    expect(world.escalations, told).toEqual([]);
    // At rest nothing is owed, held or running any more.
    for (const { deps, tree } of world.workers) {
      const scheduler = tree.system.get('scheduler')?.getSnapshot() as { context: { records: Map<string, unknown> } };
      expect([...scheduler.context.records.keys()], told).toEqual([]);
      expect(deps.board.message().slots, told).toMatchObject({ busy: 0 });
      expect(deps.board.models.length, told).toBe(1);
    }
  }
});

it('a seed replays exactly', () => {
  for (const seed of range(20)) {
    const trace = (): string => {
      const world = new World(seed);
      playCourse(world);
      return world.trace();
    };
    expect(trace()).toBe(trace());
  }
});

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
