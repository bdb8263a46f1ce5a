/** What a real model makes of texts that are claimed to be its answers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunOptions, Weighing } from '../../src/engine/messages.js';
import { spotCheckOf } from '../../src/rules/spot-check.js';
import { maxLogitsPerBatch } from '../../src/engine/run.js';
import { ModelFolder, TestEngine } from '../support/engine-harness.js';

const folder = new ModelFolder();
const counter = new TestEngine();

beforeAll(async () => {
  await counter.load(await folder.model('demo'));
});

afterAll(async () => {
  await counter.stop();
  folder.remove();
});

async function weighed(prompt: string, claimedText: string, options: RunOptions): Promise<Weighing> {
  const { text, end } = await counter.ask({ prompt, claimedText, options });
  expect(text).toBe('');
  if (end.type !== 'ended' || end.weighing === undefined) throw new Error(JSON.stringify(end));
  return end.weighing;
}

const counted = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `${i === 0 ? '' : ' '}${from + i}`).join('');

test("a model's own answer stands, whatever its sampling; it is weighed over several batches", async () => {
  for (const temperature of [0, 0.8, 1.5]) {
    const options = { maxTokens: 80, temperature, seed: 7 };
    const { text } = await counter.ask({ prompt: 'count from 5', options });
    const weighing = await weighed('count from 5', text, options);
    expect(weighing.tokens).toBeGreaterThan(maxLogitsPerBatch);
    expect(spotCheckOf(weighing).verdict, JSON.stringify(weighing)).toBe('valid');
  }
});

test('numbers that do not follow, and those that follow backwards, are improbable', async () => {
  const options = { temperature: 0 };
  for (const claimed of ['17 4 9 23 8 41 2 5 90 3', counted(6, 40).split(' ').reverse().join(' ')]) {
    const { meanLogProb, verdict } = spotCheckOf(await weighed('count from 5', claimed, options));
    expect(verdict, claimed).toBe('improbable');
    expect(meanLogProb).toBeLessThan(-1);
  }
});

test('an answer that was cut is told by its end, where it could only have ended by itself', async () => {
  const claimed = counted(6, 25);
  const cut = await weighed('count from 5', claimed, { temperature: 0 });
  expect(spotCheckOf(cut).verdict).toBe('cut_short');
  const asLongAsAllowed = await weighed('count from 5', claimed, { temperature: 0, maxTokens: cut.tokens });
  expect(spotCheckOf(asLongAsAllowed).verdict).toBe('valid');
});

test('nothing is said of a few tokens, and nothing is weighed together with tools or a schema', async () => {
  expect(spotCheckOf(await weighed('count from 5', '6 7', { temperature: 0 })).verdict).toBe('too_short');
  expect(spotCheckOf(await weighed('count from 5', '', { temperature: 0 })).verdict).toBe('too_short');
  const { end } = await counter.ask({ prompt: 'x', claimedText: 'y', options: { jsonSchema: { type: 'object' } } });
  expect(end).toMatchObject({ type: 'failed', code: 'bad_request' });
});

test('the sequence that weighed one text answers the next request as if nothing had been', async () => {
  await weighed('count from 5', counted(6, 60), { temperature: 0 });
  const { text } = await counter.ask(
    { prompt: 'count from 5', options: { maxTokens: 5, temperature: 0 } },
    { reuse: true },
  );
  expect(text).toBe('6 7 8 9 10');
});
