/**
 * Damaged and hostile model files, given to the engine as they are. Normally src/gguf refuses nearly all of them unread; here the
 * engine process shows that it is a failure domain: whatever such a file does to llama.cpp ends in a clean refusal, in the end
 * of that process, or in a model that answers, always within a time limit, and this process never notices more than that.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { TestEngine } from '../support/engine-harness.js';
import { writeHostileModels, type HostileModel } from '../support/hostile-models.js';
import { isSoak } from '../support/soak.js';

const limitMs = 45_000;
/** Each costs an engine's start, so by default those that the reader refuses are sampled. */
const everyNthRefusedByReader = isSoak ? 1 : 8;
const atOnce = 3;

const folder = mkdtempSync(join(tmpdir(), 'qmesh-hostile-'));
let hostile: HostileModel[] = [];
beforeAll(async () => {
  hostile = await writeHostileModels(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly name: string;
  readonly refusedBy: HostileModel['refusedBy'];
  readonly end: 'load_failed' | 'exited' | 'answered' | 'run failed' | 'HUNG';
  readonly why: string;
}

async function tryOut({ name, path, refusedBy }: HostileModel): Promise<Outcome> {
  const engine = new TestEngine();
  const outcome = (end: Outcome['end'], why: string): Outcome => ({ name, refusedBy, end, why });
  const tried = engine.load(path, { checkTensors: true, contextSize: 256 }).then(
    async () => {
      const { end } = await engine.ask({ messages: [{ role: 'user', content: 'aa bb' }], options: { maxTokens: 3 } });
      return end.type === 'ended' ? outcome('answered', '') : outcome('run failed', end.message);
    },
    (error: unknown) => outcome('load_failed', error instanceof Error ? error.message : ''),
  );
  const died = engine.exited.then((how) => outcome('exited', how.signal ?? String(how.code)));
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<Outcome>((resolve) => (timer = setTimeout(() => resolve(outcome('HUNG', '')), limitMs)));
  const result = await Promise.race([tried, died, hung]);
  clearTimeout(timer);
  tried.catch(() => {}); // an engine that died answers nothing any more
  engine.kill();
  await engine.exited;
  return result;
}

it('ends each of them cleanly, or with its own process, and hangs on none', { timeout: 600_000 }, async () => {
  const reader = hostile.filter(({ refusedBy }) => refusedBy === 'reader');
  const queue = [
    ...hostile.filter(({ refusedBy }) => refusedBy !== 'reader'),
    ...reader.filter((_, index) => index % everyNthRefusedByReader === 0),
  ];
  expect(queue.length).toBeGreaterThan(5);
  const outcomes: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) outcomes.push(await tryOut(next));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));

  expect(outcomes.filter(({ end }) => end === 'HUNG')).toEqual([]);
  for (const { name, refusedBy, end, why } of outcomes) {
    if (refusedBy === 'engine') expect([name, end]).toEqual([name, 'load_failed']);
    if (refusedBy === 'served') expect([name, end]).toEqual([name, 'answered']);
    if (end === 'load_failed') expect(why, name).toMatch(/^(?!.*[\\/]).{5,}$/u); // says something, and no path
  }
});
