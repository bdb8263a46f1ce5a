import { expect, test } from 'vitest';
import { scoreOf } from '../../../src/rules/points.js';

const facts = { promptChars: 12, resultChars: 5, responseMs: 1_200, success: true };
const speed = (responseMs: number) => scoreOf({ ...facts, responseMs }).speed;
const complexity = (promptChars: number) => scoreOf({ ...facts, promptChars }).complexity;
const quality = (resultChars: number, success = true) => scoreOf({ ...facts, resultChars, success }).quality;

test('speed falls by steps, and a boundary belongs to the better one', () => {
  const steps = [0, 1_000, 1_001, 2_000, 2_001, 5_000, 5_001, 10_000, 10_001, 30_000, 30_001, Number.MAX_SAFE_INTEGER];
  expect(steps.map(speed)).toEqual([5_000, 5_000, 4_000, 4_000, 3_000, 3_000, 2_000, 2_000, 1_000, 1_000, 0, 0]);
});

test('complexity grows by 20 millipoints a character, up to 3 points', () => {
  expect([0, 1, 50, 149, 150, 151, Number.MAX_SAFE_INTEGER].map(complexity)).toEqual([
    0, 20, 1_000, 2_980, 3_000, 3_000, 3_000,
  ]);
});

test('quality is a point for success and up to one more for length; a failure has none', () => {
  expect([0, 1, 199, 200, 201, Number.MAX_SAFE_INTEGER].map((chars) => quality(chars))).toEqual([
    1_000, 1_005, 1_995, 2_000, 2_000, 2_000,
  ]);
  expect(quality(1_000, false)).toBe(0);
});

test('the score is the sum, and 0 for a failure, whose other parts stay as they are', () => {
  expect(scoreOf(facts)).toEqual({ speed: 4_000, complexity: 240, quality: 1_025, score: 5_265 });
  expect(scoreOf({ ...facts, success: false })).toEqual({ speed: 4_000, complexity: 240, quality: 0, score: 0 });
  expect(scoreOf({ promptChars: 1e9, resultChars: 1e9, responseMs: 0, success: true }).score).toBe(10_000);
});
