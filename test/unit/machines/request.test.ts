import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestMachine } from '../../../src/machines/request.machine.js';
import { stage, untaken, type Staged } from './stage.js';

const usage = { finishReason: 'stop', promptTokens: 3, completionTokens: 5 };
const failure = { code: 'slot_failed', message: 'no' };
const started = { type: 'run.started', promptTokens: 3 };
const firstToken = { type: 'run.firstToken' };
const ended = { type: 'run.ended', usage };
const stopped = { type: 'run.ended', usage: { ...usage, finishReason: 'cancelled' } };
const failed = { type: 'run.failed', failure };
const lost = { type: 'run.lost' };
const cancel = { type: 'request.cancel' };

const request = (expiresInMs?: number): Staged =>
  stage(requestMachine, { record: { key: 'a/1' }, slot: 'slot.0.0', expiresInMs });
const outcomeOf = (staged: Staged): unknown => (staged.output as { outcome: unknown }).outcome;

describe('a request in a slot', () => {
  it('is ordered, started, streamed and ended, and says what it took', () => {
    const staged = request();
    staged.send(started, firstToken);
    expect(staged.state).toEqual({ running: 'decoding' });
    staged.send(ended);
    expect(staged.did()).toEqual(['startRun']);
    expect(staged.state).toBe('scored');
    expect(staged.output).toEqual({ key: 'a/1', promptTokens: 3, outcome: { kind: 'scored', usage } });
  });

  it('ends as the run does, in every state of the run', () => {
    const paths = [[], [started], [started, firstToken], [started, cancel]];
    const ends = [
      [ended, { kind: 'scored', usage }],
      [stopped, { kind: 'cancelled', usage: stopped.usage }],
      [failed, { kind: 'failed', failure }],
      [lost, { kind: 'lost' }],
    ] as const;
    for (const path of paths)
      for (const [end, outcome] of ends) {
        const staged = request();
        staged.send(...path, end);
        expect(outcomeOf(staged)).toEqual(outcome);
        expect(staged.state).toBe(outcome.kind); // a final state for each way to end
        expect(staged.clock.pending).toBe(0);
      }
  });

  it('is lost if no slot takes the order within a minute, or a cancel is not answered in 15 s', () => {
    const ignored = request();
    ignored.clock.advance(60_000);
    expect(outcomeOf(ignored)).toEqual({ kind: 'lost' });

    const deaf = request();
    deaf.send(started, cancel, cancel);
    expect(deaf.did()).toEqual(['startRun', 'cancelRun']);
    deaf.clock.advance(15_000);
    expect(outcomeOf(deaf)).toEqual({ kind: 'lost' });
  });

  it('expires at its own deadline, stops its run, and stays expired however that ends', () => {
    for (const end of [ended, failed, lost, undefined]) {
      const staged = request(5_000);
      staged.send(started, firstToken);
      staged.clock.advance(5_000);
      expect(staged.did()).toEqual(['startRun', 'cancelRun']);
      expect(staged.isDone).toBe(false); // the slot is not free yet
      if (end === undefined) staged.clock.advance(15_000);
      else staged.send(end);
      expect(outcomeOf(staged)).toEqual({ kind: 'expired' });
    }
  });

  it('without a deadline runs for a day at most', () => {
    const staged = request();
    staged.send(started, firstToken);
    staged.clock.advance(24 * 3_600_000 - 1);
    expect(staged.state).toEqual({ running: 'decoding' });
    staged.clock.advance(1);
    expect(staged.state).toBe('expiring');
  });

  it('reaches its end exactly once, or goes on, whatever comes in whatever order', () => {
    const event = fc.constantFrom(started, firstToken, ended, stopped, failed, lost, cancel);
    const step = fc.oneof(event, fc.integer({ min: 0, max: 20_000 }));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 12 }),
        fc.option(fc.integer({ min: 0, max: 30_000 })),
        (steps, expires) => {
          const staged = request(expires ?? undefined);
          let firstOutput: unknown;
          for (const next of steps) {
            if (typeof next === 'number') staged.clock.advance(next);
            else staged.send(next);
            if (staged.isDone) firstOutput ??= staged.output;
          }
          expect(staged.output).toBe(firstOutput);
          if (staged.isDone) expect(staged.clock.pending).toBe(0);
          staged.clock.advance(25 * 3_600_000);
          expect(staged.isDone).toBe(true); // nothing is held for ever
          expect(staged.did().filter((name) => name === 'startRun')).toHaveLength(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has no transition that was not taken here', () => expect(untaken(requestMachine)).toEqual([]));
});
