/** Engines that are killed, abandoned, stopped in the middle, and used by eight at once. */
import { fork } from 'node:child_process';

import { afterAll, describe, expect, it } from 'vitest';

import { expectedCount } from '../../src/gguf/demo-model.js';
import { expectedKeyed } from '../../src/gguf/keyed-model.js';
import { seededRandom } from '../../src/runtime/random.js';
import { engineEntry, ModelFolder, TestEngine, type RunEvent, type StartedRun } from '../support/engine-harness.js';
import { signalProcess } from '../support/signal.js';
import { isAlive } from '../support/worker-process.js';

const greedy = { temperature: 0 } as const;
const models = new ModelFolder();
afterAll(() => models.remove());

describe('eight streams at once', () => {
  it('with prompts of different lengths and random cancels: every text is exact, or a beginning of it', async () => {
    const random = seededRandom(20);
    const engine = new TestEngine();
    await engine.load(await models.model('keyed'), { slots: 8, contextSize: 768 });
    const slots = Array.from({ length: 8 }, (_, slot) => slot);
    const inSlot = async (slot: number): Promise<void> => {
      for (let round = 0; round < 8; round++) {
        const key = Math.floor(random.next() * 32);
        const maxTokens = 1 + Math.floor(random.next() * 140);
        const cancelAfter = random.next() < 0.4 ? Math.floor(random.next() * 8) : Infinity;
        const prompt = `${'y'.repeat(Math.floor(random.next() * 200))}KEY${key};${'x'.repeat(Math.floor(random.next() * 300))}`;
        let events = 0;
        const cancelWhen = (run: () => StartedRun) => (_event: RunEvent) => {
          if (events++ === cancelAfter) run().cancel();
        };
        const run: StartedRun = engine.start(
          { prompt, options: { ...greedy, maxTokens } },
          { slot, reuse: random.next() < 0.5 },
          cancelWhen(() => run),
        );
        const { text, tokens, end } = await run.answer;
        const expected = expectedKeyed(key, maxTokens);
        expect(end.type).toBe('ended');
        if (end.type === 'ended' && end.finishReason === 'cancelled') expect(expected.startsWith(text)).toBe(true);
        else expect(text).toBe(expected);
        expect(end).toMatchObject({ completionTokens: tokens });
      }
    };
    await Promise.all(slots.map(inSlot));
    expect(await engine.stop()).toMatchObject({ code: 0 });
  });
});

describe('an engine', () => {
  it('killed in the middle of a decode: `exited` is called once, this process lives, and a new engine carries on', async () => {
    const path = await models.model('demo');
    const first = new TestEngine();
    await first.load(path);
    let text = '';
    const died = new Promise<void>((resolve) => {
      for (const slot of [0, 1, 2, 3])
        first.start({ prompt: 'count from 9', options: { ...greedy, maxTokens: 900 } }, { slot }, (event) => {
          if (slot === 0 && event.type === 'tokens') text += event.text;
          if (text.length > 100) resolve();
        });
    });
    await died;
    if (first.pid !== undefined) signalProcess(first.pid, 'SIGKILL');
    expect(await first.exited).toMatchObject({ code: null, signal: 'SIGKILL' });
    first.send({ type: 'cancel', run: 1 }); // harmless
    first.kill();
    expect(first.exits).toHaveLength(1);

    const second = new TestEngine();
    await second.load(path);
    const rest = await second.ask({ prompt: 'count from 9', options: { ...greedy, maxTokens: 300 }, resumeText: text });
    expect(text + rest.text).toBe(expectedCount(9, 300));
    await second.stop();
  });

  it('told to stop while it computes cancels what runs and exits 0', async () => {
    const engine = new TestEngine();
    await engine.load(await models.model('keyed'));
    const runs = [0, 1, 2].map((slot) =>
      engine.start({ prompt: `KEY1;${'x'.repeat(900)}`, options: greedy }, { slot }),
    );
    await engine.when((event) => event.type === 'prefill');
    expect(await engine.stop()).toMatchObject({ code: 0, signal: null });
    for (const run of runs) expect((await run.answer).end).toMatchObject({ type: 'ended', finishReason: 'cancelled' });
  });

  it('ends itself when its parent is gone', async () => {
    const parent = fork(new URL('../support/engine-parent.mjs', import.meta.url), [engineEntry.href], {
      silent: true,
    });
    const pid = await new Promise<number>((resolve) => parent.on('message', (message) => resolve(Number(message))));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 10_000, interval: 50 }).toBe(false);
  });

  it('does not end on signals of the terminal: when, is for its parent to say', async () => {
    const engine = new TestEngine();
    await engine.load(await models.model('demo'));
    if (engine.pid !== undefined)
      for (const signal of ['SIGINT', 'SIGTERM'] as const) signalProcess(engine.pid, signal);
    const { text } = await engine.ask({ prompt: 'count from 1', options: { ...greedy, maxTokens: 2 } });
    expect(text).toBe('2 3');
    await engine.stop();
  });

  it('that cannot be started at all says so by `exited`', async () => {
    const engine = new TestEngine(new URL('missing.js', engineEntry));
    const how = await engine.exited;
    expect(how.code).toBe(1);
    expect(how.stderrTail).toContain('missing.js');
  });
});
