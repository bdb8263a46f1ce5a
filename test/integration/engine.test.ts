/** A real engine process, real llama.cpp, and models whose answers are known to the last character. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DEMO_UNICODE_TEXT, expectedCount } from '../../src/gguf/demo-model.js';
import { expectedKeyed } from '../../src/gguf/keyed-model.js';
import { ModelFolder, TestEngine } from '../support/engine-harness.js';

const greedy = { temperature: 0 } as const;
const models = new ModelFolder();
const demo = new TestEngine();
const keyed = new TestEngine();

beforeAll(async () => {
  await demo.load(await models.model('demo'));
  await keyed.load(await models.model('keyed'), { slots: 8, contextSize: 1536 });
});
afterAll(async () => {
  await Promise.all([demo.stop(), keyed.stop()]);
  models.remove();
});

describe('an answer', () => {
  it('is exact, its parts add up, and its events come in order', async () => {
    const { text, tokens, end, events } = await demo.ask({
      prompt: 'count from 5',
      options: { ...greedy, maxTokens: 100 },
    });
    expect(text).toBe(expectedCount(5, 100));
    expect(end).toMatchObject({ type: 'ended', finishReason: 'length', completionTokens: 100 });
    expect(tokens).toBe(100);
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 3)).toEqual(['started', 'prefill', 'tokens']);
    expect(types.at(-1)).toBe('ended');
    expect(events.filter((event) => event.type === 'tokens' && event.text === '')).toEqual([]);
    expect(events.find(({ type }) => type === 'tokens')).toMatchObject({ text: '6', tokens: 1 });
  });

  it('to a conversation is the same, in the format that the model was recognised to have', async () => {
    const messages = [
      { role: 'system', content: 'You count.' },
      { role: 'user', content: 'count from 41' },
    ];
    const { text } = await demo.ask({ messages, options: { ...greedy, maxTokens: 5 } });
    expect(text).toBe('42 43 44 45 46');
    expect(demo.events).toContainEqual(
      expect.objectContaining({ type: 'loaded', model: expect.objectContaining({ chatFormat: 'chatml' }) }),
    );
  });

  it('never holds half a character', async () => {
    const { text, tokens, end, events } = await demo.ask({ prompt: 'unicode', options: greedy });
    expect(text).toBe(DEMO_UNICODE_TEXT);
    expect(events.filter((event) => event.type === 'tokens' && event.text.includes('\uFFFD'))).toEqual([]);
    expect(end).toMatchObject({ finishReason: 'stop', completionTokens: tokens });
  });

  it('ends before a stop string that spans tokens, and holds back what might begin one', async () => {
    const options = { ...greedy, maxTokens: 50, stop: ['9 10 1x', '10 11 1'] };
    const { text, tokens, end } = await demo.ask({ prompt: 'count from 5', options });
    expect(text).toBe('6 7 8 9 ');
    expect(end).toMatchObject({ finishReason: 'stop', completionTokens: tokens });
  });

  it('gives back what it held when the answer ends without the stop string', async () => {
    const { text, tokens } = await demo.ask({
      prompt: 'count from 5',
      options: { ...greedy, maxTokens: 3, stop: ['8 9'] },
    });
    expect([text, tokens]).toEqual(['6 7 8', 3]);
  });

  it('depends on the seed and on nothing else that is random', async () => {
    const hot = (seed: number) => ({
      prompt: 'hello',
      options: { temperature: 60, topP: 1, minP: 0, topK: 0, seed, maxTokens: 30 },
    });
    const [a, again, other] = [await demo.ask(hot(7)), await demo.ask(hot(7), { slot: 2 }), await demo.ask(hot(8))];
    expect(again.text).toBe(a.text);
    expect(other.text).not.toBe(a.text);
  });
});
