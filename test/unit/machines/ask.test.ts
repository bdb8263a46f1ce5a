import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askMachine, MAX_TRIES, type Try } from '../../../src/machines/ask.machine.js';
import { stage, untaken, type Staged } from './stage.js';

const chosen = (worker: string) => ({ type: 'worker.chosen', worker });
const failed = (retryable: boolean, code = 'slot_failed') => ({
  type: 'answer.failed',
  failure: { code, message: '', retryable },
});
const began = { type: 'answer.began' };
const ended = { type: 'answer.ended' };
const cancel = { type: 'ask.cancel' };
const shutdown = { type: 'sys.shutdown' };

const ask = (input: { patienceMs?: number; deadlineMs?: number; chance?: number } = {}): Staged =>
  stage(askMachine, {
    patienceMs: input.patienceMs ?? 10_000,
    deadlineMs: input.deadlineMs,
    chance: () => input.chance ?? 0,
  });
const triesOf = (staged: Staged): readonly Try[] => staged.context.tries as Try[];

/** How the application was told that it is over: one entry for each time it was. */
const endsOf = (staged: Staged): unknown[] =>
  staged
    .effects()
    .filter(({ name }) => name === 'finish')
    .map(({ params }) => (params as { failure: { code: string } | undefined }).failure?.code);

describe('an ask', () => {
  it('chooses, sends, takes the answer and ends once', () => {
    const staged = ask();
    staged.send(chosen('w1'), began);
    expect(staged.state).toEqual({ open: 'streaming' });
    staged.send(ended);
    expect(staged.did()).toEqual(['choose', 'send', 'finish']);
    expect(staged.isDone).toBe(true);
    expect(staged.clock.pending).toBe(0);
    expect(staged.told()).toEqual(['answer started', 'answer stopped']);
  });

  it('looks for a worker ten times a second until its patience ends, then says that there is none', () => {
    const staged = ask({ patienceMs: 1_000 });
    staged.clock.advance(950);
    expect(staged.did()).toEqual(Array.from({ length: 10 }, () => 'choose'));
    staged.clock.advance(50);
    expect(endsOf(staged)).toEqual(['no_worker']);
  });

  it('out of patience after failures says what the last worker said', () => {
    const staged = ask({ patienceMs: 1_000 });
    staged.send(chosen('w1'), failed(true, 'queue_full'));
    staged.clock.advance(1_100);
    expect(endsOf(staged)).toEqual(['queue_full']);
  });

  it('ends at once where a worker refuses it for good, or where the pinned one lacks the model', () => {
    const final = ask();
    final.send(chosen('w1'), failed(false, 'bad_request'));
    expect(endsOf(final)).toEqual(['bad_request']);
    expect(triesOf(final)).toMatchObject([{ worker: 'w1', failure: { code: 'bad_request' } }]);

    const pinned = ask();
    pinned.send({ type: 'worker.refused', failure: { code: 'model_not_found', message: '', retryable: false } });
    expect(endsOf(pinned)).toEqual(['model_not_found']);
  });

  it(`asks at most ${MAX_TRIES} workers: at once after the first failure, then backing off with full jitter`, () => {
    const waits: number[] = [];
    for (const chance of [0, 0.5, 0.999]) {
      const staged = ask({ chance });
      for (let tries = 1; tries <= MAX_TRIES; tries++) {
        staged.send(chosen(`w${tries}`), failed(true));
        if (tries === MAX_TRIES) break;
        const from = staged.clock.monotonicMs();
        expect(staged.clock.runUntil(() => JSON.stringify(staged.state).includes('choosing'), 60_000)).toBe(true);
        waits.push(Math.round(staged.clock.monotonicMs() - from));
      }
      expect(endsOf(staged)).toEqual(['slot_failed']);
      expect(triesOf(staged)).toHaveLength(MAX_TRIES);
    }
    expect(waits).toEqual([1, 1, 1, 1, 1, 100, 200, 400, 1, 200, 400, 799]);
  });

  it('fails at its deadline wherever it is, and stops the worker that works on it', () => {
    for (const path of [[], [chosen('w1')], [chosen('w1'), began], [chosen('w1'), failed(true)]]) {
      const staged = ask({ deadlineMs: 500, chance: 0.999 });
      staged.send(...path);
      staged.clock.advance(499);
      expect(staged.isDone).toBe(false);
      staged.did();
      staged.clock.advance(1);
      expect(staged.did()).toEqual(['sendCancel', 'finish']);
      expect(staged.context.failure).toMatchObject({ code: 'deadline_exceeded' });
    }
  });

  it('has no deadline where none was given: a stream may take days', () => {
    const staged = ask();
    staged.send(chosen('w1'), began);
    staged.clock.advance(20 * 24 * 3_600_000);
    expect(staged.state).toEqual({ open: 'streaming' });
  });

  it('cancelled ends well: as the worker answers, or after two seconds', () => {
    for (const answer of [ended, failed(true), shutdown, undefined]) {
      const staged = ask();
      staged.send(chosen('w1'), began, cancel);
      expect(staged.did()).toContain('sendCancel');
      if (answer === undefined) staged.clock.advance(2_000);
      else staged.send(answer);
      expect(endsOf(staged)).toEqual([undefined]);
    }
  });

  it('cancelled while nobody works on it ends at once', () => {
    for (const path of [[], [chosen('w1'), failed(true)]]) {
      const staged = ask();
      staged.send(...path, cancel);
      expect(endsOf(staged)).toEqual([undefined]);
    }
  });

  it('of a client that closes fails, and says so', () => {
    const staged = ask();
    staged.send(chosen('w1'), began, shutdown);
    expect(endsOf(staged)).toEqual(['client_closed']);
  });

  it('has exactly one end, asks no more than it may, and never after its end, whatever comes', () => {
    const event = fc.constantFrom(chosen('w'), failed(true), failed(false), began, ended, cancel, shutdown);
    const step = fc.oneof(
      { weight: 3, arbitrary: event },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const staged = ask({ patienceMs: 2_000, deadlineMs: 30_000, chance: 0.5 });
        for (const next of steps) {
          if (typeof next === 'number') staged.clock.advance(next);
          else staged.send(next);
        }
        staged.clock.advance(30_000);
        expect(staged.isDone).toBe(true);
        const names = staged.did();
        expect(names.filter((name) => name === 'finish')).toHaveLength(1);
        expect(names.at(-1)).toBe('finish');
        expect(names.filter((name) => name === 'send').length).toBeLessThanOrEqual(MAX_TRIES);
        expect(triesOf(staged)).toHaveLength(names.filter((name) => name === 'send').length);
      }),
      { numRuns: 300 },
    );
  });

  it('has no transition that was not taken here', () => expect(untaken(askMachine)).toEqual([]));
});
