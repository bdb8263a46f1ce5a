import { expect, it } from 'vitest';
import { checkedNote, failoverNote, paidNote, positionNote } from '../../../src/cli/ask-notes.js';

const at = (position: number, estimatedWaitMs: number) => ({ worker: 'w', position, length: 9, estimatedWaitMs });
const failure = (code: string) => ({ code, message: '', retryable: true });

it('says where a question waits, and nothing while it is answered', () => {
  expect(positionNote(at(0, 5_000))).toBeUndefined();
  expect(positionNote(at(1, 400))).toBe('waiting: next in line');
  expect(positionNote(at(4, 12_300))).toBe('waiting: 3 ahead of you, about 12 s');
});

it('says who took over from whom, and why', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  expect(failoverNote({ from: { worker: a, failure: failure('worker_silent') }, to: b })).toBe(
    'worker aaaaaaaa stopped responding; worker bbbbbbbb took over',
  );
  expect(failoverNote({ from: { worker: a, failure: failure('queue_full') }, to: 'local:qmesh-demo' })).toBe(
    'worker aaaaaaaa did not answer (queue_full); this machine took over',
  );
});

it('says what was paid, where anything was', () => {
  expect([undefined, 0, 1_000, 6_365].map((paidMillipoints) => paidNote({ paidMillipoints }))).toEqual([
    undefined,
    undefined,
    'paid 1 point',
    'paid 6.365 points',
  ]);
});

it('says what another worker makes of an answer, and what comes of it', () => {
  const [worker, checker] = ['a'.repeat(64), 'b'.repeat(64)];
  const checked = { worker, checker, model: 'c'.repeat(64), tokens: 20, meanLogProb: -9, text: '' };
  expect(checkedNote({ ...checked, verdict: 'valid', isAvoided: false })).toBe(
    'worker bbbbbbbb finds the answer likely',
  );
  expect(checkedNote({ ...checked, verdict: 'improbable', isAvoided: true })).toBe(
    'worker bbbbbbbb finds the answer improbable for the model; worker aaaaaaaa is asked last from now on',
  );
  expect(checkedNote({ ...checked, verdict: 'odd', isAvoided: false })).toBe('worker bbbbbbbb says of the answer: odd');
});
