/** A real engine process: how many threads it computes with, what it says of the processors, and that it gives way. */
import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../src/engine/messages.js';
import { expectedCount } from '../../src/gguf/demo-model.js';
import { ModelFolder, TestEngine } from '../support/engine-harness.js';

const greedy = { temperature: 0 } as const;
const isUsage = (event: EngineEvent) => event.type === 'usage';
const models = new ModelFolder();
const engine = new TestEngine();

beforeAll(async () => engine.load(await models.model('demo'), { threads: 1, contextSize: 4096 }));
afterAll(async () => {
  await engine.stop();
  models.remove();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * llama.cpp makes its threads anew for each batch: how many the process has while it computes some answers, at most. A look may
 * miss a short batch, so it goes on until `expected` were seen, for a while.
 */
async function mostThreads(expected: number, maxAnswers: number): Promise<number> {
  let most = 0;
  for (let start = 0; start < maxAnswers && most < expected; start++) {
    const answer = engine.ask({ prompt: `count from ${start}`, options: { ...greedy, maxTokens: 30 } });
    const look = setInterval(() => {
      most = Math.max(most, readdirSync(`/proc/${engine.pid}/task`).length);
    }, 1);
    await answer.finally(() => clearInterval(look));
    expect((await answer).text).toBe(expectedCount(start, 30));
  }
  return most;
}

describe.runIf(process.platform === 'linux')('the threads of an engine', () => {
  it('are as many as it is told, from the next batch on, and back; and no answer changes by it', async () => {
    const one = await mostThreads(Infinity, 10);
    engine.send({ type: 'threads', threads: 2 });
    expect(await mostThreads(one + 1, 100)).toBe(one + 1);
    engine.send({ type: 'threads', threads: 1 });
    expect(await mostThreads(Infinity, 10)).toBe(one);
  });

  it('die first when memory runs out', () => {
    expect(Number(readFileSync(`/proc/${engine.pid}/oom_score_adj`, 'utf8'))).toBeGreaterThanOrEqual(500);
  });

  it('give way to other programs: every one that computes has a lower priority', () => {
    expect(getPriority(engine.pid)).toBe(constants.priority.PRIORITY_BELOW_NORMAL);
    const nice = readdirSync(`/proc/${engine.pid}/task`).map((thread) => {
      const stat = readFileSync(`/proc/${engine.pid}/task/${thread}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]); // proc(5): field 19
    });
    expect(new Set(nice)).toEqual(new Set([constants.priority.PRIORITY_BELOW_NORMAL]));
  });
});

describe('what an engine says of the processors', () => {
  it('comes while it computes, adds up, and ends when it rests', async () => {
    await pause(1_000);
    const from = engine.events.length;
    const startMs = performance.now();
    while (performance.now() - startMs < 2_000)
      await engine.ask({ prompt: 'count from 7', options: { ...greedy, maxTokens: 300 } });
    const tookMs = performance.now() - startMs;
    await pause(1_000);
    const said = engine.events.slice(from).filter(isUsage);
    expect(said.length).toBeGreaterThanOrEqual(2);
    expect(said.length).toBeLessThanOrEqual(Math.ceil(tookMs / 400) + 1);
    for (const event of said) {
      expect(event.windowMs).toBeGreaterThanOrEqual(390);
      expect(event.cpuMs).toBeGreaterThan(0);
      expect(event.othersCores).toBeGreaterThanOrEqual(0);
    }
    const quiet = engine.events.length;
    await pause(1_000);
    expect(engine.events.length).toBe(quiet);
  });
});
