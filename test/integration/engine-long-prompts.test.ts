/** A real engine process: what a long text does to the streams beside it, and how it is tokenised. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedCount } from '../../src/gguf/demo-model.js';
import { ModelFolder, TestEngine, type Answer, type RunEvent, type StartedRun } from '../support/engine-harness.js';

const greedy = { temperature: 0 } as const;
const models = new ModelFolder();
const engine = new TestEngine();

beforeAll(async () => engine.load(await models.model('demo'), { contextSize: 32_768, slots: 2 }));
afterAll(async () => {
  await engine.stop();
  models.remove();
});

async function promptTokens(prompt: string): Promise<number> {
  const { end } = await engine.ask({ prompt, options: { ...greedy, maxTokens: 1 } });
  return (end as { promptTokens: number }).promptTokens;
}

describe('a long prompt', () => {
  it('has the tokens of its words, however many there are', async () => {
    const others = (await promptTokens(' 7'.repeat(10))) - 10;
    expect(await promptTokens(' 7'.repeat(5_000))).toBe(5_000 + others);
  });

  /** What comes of a stream and of a long prompt beside it, in order. */
  async function beside(
    begun: (long: StartedRun) => void,
  ): Promise<{ readonly order: string[]; readonly long: Answer }> {
    const order: string[] = [];
    const note = (name: string) => (event: RunEvent) => void order.push(`${name} ${event.type}`);
    const running = engine.start({ prompt: 'count from 5', options: { ...greedy, maxTokens: 900 } }, {}, note('short'));
    await engine.when((event): event is RunEvent => event.type === 'tokens' && event.run === running.id);
    order.length = 0;
    const long = engine.start({ prompt: '1234567890'.repeat(8_000) }, { slot: 1 }, (event) => {
      note('long')(event);
      if (event.type === 'started') long.cancel();
    });
    begun(long);
    const answer = await long.answer;
    expect((await running.answer).text).toBe(expectedCount(5, 900));
    return { order, long: answer };
  }

  it('of one word is tokenised while other streams go on', async () => {
    const { order } = await beside(() => {});
    // As a whole it takes seconds, and not one token of another stream would come before it has started.
    expect(order.indexOf('long started')).toBeGreaterThan(5);
  });

  it('that is cancelled is tokenised no further', async () => {
    const { order, long } = await beside((run) => run.cancel());
    expect(long.end).toMatchObject({ type: 'ended', finishReason: 'cancelled', completionTokens: 0 });
    expect(order.indexOf('long ended')).toBeLessThan(5);
    expect(order).not.toContain('long started');
  });
});
