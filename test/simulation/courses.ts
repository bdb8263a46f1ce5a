/** What must hold after every course of events, whatever happened in it. */
import { expect } from 'vitest';
import { waitingIn } from '../../src/rules/queue.js';
import { checkLine, schedulerOf } from './line.js';
import { playCourse } from './world/scenario.js';
import { countFrom } from './world/sim-engine.js';
import { World } from './world/world.js';

/** How many seeds one file of the normal run plays, and of the soak. */
export const seedsPerFile = { normal: 1_000, soak: 10_000 } as const;

/** The seeds of the `part`-th file; or the one that a person asked for, in the first. */
export function seedsOf(part: number): readonly number[] {
  const { QMESH_SEED: asked, QMESH_SOAK: soak } = process.env;
  if (asked !== undefined) return part === 0 ? [Number(asked)] : [];
  const count = soak === '1' ? seedsPerFile.soak : seedsPerFile.normal;
  return Array.from({ length: count }, (_, i) => 1 + part * count + i);
}

export function checkCourse(seed: number): void {
  const world = new World(seed);
  const { requests, log } = playCourse(world, () => {
    for (const worker of world.workers) if (!worker.clock.isFrozen) checkLine(worker, `seed ${seed}`);
  });
  const told = `seed ${seed}; replay with: QMESH_SEED=${seed} npm run test:simulation\n${log.join('\n')}`;
  for (const { request, text, ends, cancelled, answer, failure } of requests) {
    const start = Number(/from (\d+)/.exec(request.prompt ?? '')?.[1]);
    const whole = countFrom(start, request.options?.maxTokens ?? 0);
    expect(ends, `one end\n${told}`).toBe(1);
    expect(whole.startsWith(text), `"${text}" does not begin "${whole}"\n${told}`).toBe(true);
    expect(answer?.text, told).toBe(text);
    if (failure === undefined && !cancelled) expect(text, told).toBe(whole);
    // Deadlines are far longer than any course: who meets one was stuck.
    expect(failure?.code, `nothing is stuck\n${told}`).not.toBe('deadline_exceeded');
  }
  expect(world.escalations, told).toEqual([]);
  for (const worker of world.workers) {
    const { deps } = worker;
    const { running, queue } = schedulerOf(worker)!;
    const owed = [...running.keys(), ...[...waitingIn(queue)].map(({ key }) => key)];
    expect(owed, `at rest nothing is owed\n${told}`).toEqual([]);
    expect(deps.board.message().slots, `at rest no slot is busy\n${told}`).toMatchObject({ busy: 0 });
    expect(deps.board.models.length, `the model came back\n${told}`).toBe(1);
  }
}
