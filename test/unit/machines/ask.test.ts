import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askMachine } from '../../../src/machines/ask.machine.js';
import { doubts, maxMoves, maxProofs, maxTries, type Try } from '../../../src/machines/ask.js';
import { stage, untaken, type Staged } from './stage.js';

const chosen = (worker: string) => ({ type: 'worker.chosen', worker });
const failed = (retryable: boolean, code = 'slot_failed') => ({
  type: 'answer.failed',
  failure: { code, message: '', retryable },
});
const queued = { type: 'answer.queued' };
const placed = { type: 'answer.placed' };
const began = { type: 'answer.began' };
const ended = { type: 'answer.ended' };
const resumed = { type: 'answer.resumed' };
const silent = { type: 'answer.doubted', doubt: doubts.silent };
const stalled = { type: 'answer.doubted', doubt: doubts.stalled };
const wantsWork = () => ({
  type: 'answer.failed',
  failure: { code: 'work_required', message: '', retryable: false, work: { challenge: 'c'.repeat(32), bits: 14 } },
});
const proven = { type: 'work.done', proof: { challenge: 'c'.repeat(32), nonce: '1' } };
const unproven = { type: 'work.done', proof: undefined };
const refused = (code: string) => ({ type: 'worker.refused', failure: { code, message: '', retryable: false } });
const cancel = { type: 'ask.cancel' };
const shutdown = { type: 'sys.shutdown' };

const ask = (
  input: { patienceMs?: number; deadlineMs?: number; chance?: number; hasFallback?: boolean } = {},
): Staged =>
  stage(askMachine, {
    patienceMs: input.patienceMs ?? 10_000,
    deadlineMs: input.deadlineMs,
    hasFallback: input.hasFallback ?? false,
    chance: () => input.chance ?? 0,
  });
const triesOf = (staged: Staged): readonly Try[] => staged.context.tries as Try[];
const failedTries = (staged: Staged) => triesOf(staged).map(({ worker, failure }) => [worker, failure?.code]);

/** How the application was told that it is over: one entry for each time it was. */
const endsOf = (staged: Staged): unknown[] =>
  staged
    .effects()
    .filter(({ name }) => name === 'finish')
    .map(({ params }) => (params as { failure: { code: string } | undefined }).failure?.code);

describe('an ask', () => {
  it('chooses, sends, receives the answer and ends once', () => {
    const staged = ask();
    staged.send(chosen('w1'), began);
    expect(staged.state).toEqual({ open: 'streaming' });
    staged.send(ended);
    expect(staged.did()).toEqual(['choose', 'send', 'finish']);
    expect(staged.isDone).toBe(true);
    expect(staged.clock.pending).toBe(0);
    expect(staged.told()).toEqual(['answer started', 'answer stopped']);
  });

  it('looks for a worker ten times a second until its patience ends, then reports that there is none', () => {
    const staged = ask({ patienceMs: 1_000 });
    staged.clock.advance(950);
    expect(staged.did()).toEqual(Array.from({ length: 10 }, () => 'choose'));
    staged.clock.advance(50);
    expect(endsOf(staged)).toEqual(['no_worker']);
  });

  it('out of patience after failures reports what the last worker said', () => {
    const staged = ask({ patienceMs: 1_000 });
    staged.send(chosen('w1'), failed(true, 'queue_full'));
    staged.clock.advance(1_100);
    expect(endsOf(staged)).toEqual(['queue_full']);
  });

  it('ends at once if a worker refuses it for good or the pinned one lacks the model', () => {
    const final = ask();
    final.send(chosen('w1'), failed(false, 'bad_request'));
    expect(endsOf(final)).toEqual(['bad_request']);
    expect(failedTries(final)).toEqual([['w1', 'bad_request']]);

    const pinned = ask();
    pinned.send(refused('model_not_found'));
    expect(endsOf(pinned)).toEqual(['model_not_found']);
  });

  it('tries another worker if a refusal concerns only this client at this worker', () => {
    for (const code of ['rate_limited', 'banned']) {
      const staged = ask();
      staged.send(chosen('w1'), failed(false, code));
      staged.clock.advance(1);
      staged.send(chosen('w2'), ended);
      expect(endsOf(staged)).toEqual([undefined]);
      expect(failedTries(staged)).toEqual([
        ['w1', code],
        ['w2', undefined],
      ]);
    }
  });

  it(`asks at most ${maxTries} workers: at once after the first failure, then backing off with full jitter`, () => {
    const waits: number[] = [];
    for (const chance of [0, 0.5, 0.999]) {
      const staged = ask({ chance });
      for (let tries = 1; tries <= maxTries; tries++) {
        staged.send(chosen(`w${tries}`), failed(true));
        if (tries === maxTries) break;
        const from = staged.clock.monotonicMs();
        expect(staged.clock.runUntil(() => JSON.stringify(staged.state).includes('choosing'), 60_000)).toBe(true);
        waits.push(Math.round(staged.clock.monotonicMs() - from));
      }
      expect(endsOf(staged)).toEqual(['slot_failed']);
      expect(triesOf(staged)).toHaveLength(maxTries);
    }
    expect(waits).toEqual([1, 1, 1, 1, 1, 100, 200, 400, 1, 200, 400, 799]);
  });

  it('fails at its deadline in any state, and cancels at its worker', () => {
    const paths = [
      [],
      [chosen('w1')],
      [chosen('w1'), queued],
      [chosen('w1'), began],
      [chosen('w1'), failed(true)],
      [chosen('w1'), silent],
      [chosen('w1'), wantsWork()],
    ];
    for (const path of paths) {
      const staged = ask({ deadlineMs: 500, chance: 0.999 });
      staged.send(...path);
      staged.clock.advance(499);
      expect(staged.isDone).toBe(false);
      staged.did();
      staged.clock.advance(1);
      expect(staged.did().at(-1)).toBe('finish');
      expect(staged.told().at(-1)).toBe('answer stopped'); // which cancels
      expect(staged.context.failure).toMatchObject({ code: 'deadline_exceeded' });
    }
  });

  it('has no deadline if none was given: a stream may take days', () => {
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
    const local = ask({ hasFallback: true, patienceMs: 100 });
    local.clock.advance(100);
    local.send(cancel);
    expect(endsOf(local)).toEqual([undefined]);
    for (const path of [[], [chosen('w1'), failed(true)], [chosen('w1'), wantsWork()]]) {
      const staged = ask();
      staged.send(...path, cancel);
      expect(endsOf(staged)).toEqual([undefined]);
    }
  });

  it('fails with its reason when the client closes', () => {
    const staged = ask();
    staged.send(chosen('w1'), began, shutdown);
    expect(endsOf(staged)).toEqual(['client_closed']);
  });
});

describe('an ask whose worker is in doubt', () => {
  it('moves to another at once, which continues, and cancels at the first', () => {
    for (const [path, doubt] of [
      [[chosen('w1')], silent],
      [[chosen('w1'), began], stalled],
    ] as const) {
      const staged = ask();
      staged.send(...path, doubt);
      expect(staged.did().at(-1)).toBe('choose');
      staged.send(chosen('w2'));
      expect(staged.did()).toEqual(['abandon', 'send']);
      staged.send(began, ended);
      expect(failedTries(staged)).toEqual([
        ['w1', doubt.doubt.code],
        ['w2', undefined],
      ]);
      expect(endsOf(staged)).toEqual([undefined]);
    }
  });

  it('continues with the same worker if that recovers before another is found', () => {
    const staged = ask();
    staged.send(chosen('w1'), began, silent);
    staged.clock.advance(5_000);
    staged.send(resumed);
    expect(staged.state).toEqual({ open: 'streaming' });
    staged.clock.advance(60_000);
    staged.send(ended);
    expect(endsOf(staged)).toEqual([undefined]);
    expect(failedTries(staged)).toEqual([['w1', undefined]]);
  });

  it('accepts an end from the doubted worker', () => {
    const staged = ask();
    staged.send(chosen('w1'), began, silent, ended);
    expect(endsOf(staged)).toEqual([undefined]);
    const lost = ask();
    lost.send(chosen('w1'), began, silent, failed(true, 'worker_lost'));
    expect(lost.state).toEqual({ open: 'backingOff' });
    const busy = ask({ deadlineMs: 500 });
    busy.send(chosen('w1'), silent, wantsWork(), proven);
    busy.clock.advance(500);
    expect(failedTries(busy)).toEqual([['w1', undefined]]); // the doubt is gone
  });

  it('fails when its patience ends if there is no other; a stalled worker gets time to repair itself', () => {
    for (const [doubt, withinMs] of [
      [silent, 10_000],
      [stalled, 60_000],
    ] as const) {
      const staged = ask();
      staged.send(chosen('w1'), began, doubt);
      staged.clock.advance(withinMs - 1);
      expect(staged.isDone).toBe(false);
      staged.clock.advance(1);
      expect(staged.isDone).toBe(true);
      expect(staged.context.failure).toBe(doubt.doubt);
      expect(failedTries(staged)).toEqual([['w1', doubt.doubt.code]]);
    }
  });

  it('asks nobody else after its last try, but still accepts what comes', () => {
    const staged = ask({ chance: 0 });
    for (let tries = 1; tries < maxTries; tries++) {
      staged.send(chosen(`w${tries}`), failed(true));
      staged.clock.advance(1);
    }
    staged.send(chosen('last'), silent, chosen('one too many'), resumed, ended);
    expect(triesOf(staged)).toHaveLength(maxTries);
    expect(endsOf(staged)).toEqual([undefined]);
  });
});

describe('a queued ask', () => {
  it('looks for a better place four times a second and moves at once, without a failed try or blame', () => {
    const staged = ask();
    staged.send(chosen('w1'), queued);
    staged.clock.advance(500);
    expect(staged.did()).toEqual(['choose', 'send', 'chooseElsewhere', 'chooseElsewhere', 'chooseElsewhere']);
    staged.send(chosen('w2'));
    expect(staged.did()).toEqual(['withdraw', 'send']);
    staged.send(began, ended);
    expect(failedTries(staged)).toEqual([
      ['w1', 'moved'],
      ['w2', undefined],
    ]);
    expect(endsOf(staged)).toEqual([undefined]);
  });

  it('stays once it is in a slot, and once its answer has begun', () => {
    for (const path of [[placed], [placed, began], [began], [began, queued]]) {
      const staged = ask();
      staged.send(chosen('w1'), queued, ...path);
      staged.did();
      staged.clock.advance(5_000);
      staged.send(chosen('w2'));
      expect(staged.did()).toEqual([]);
      expect(failedTries(staged)).toEqual([['w1', undefined]]);
    }
  });

  it('moves again if the slot was taken meanwhile, but only so often', () => {
    const staged = ask({ chance: 0.5 });
    staged.send(chosen('w0'));
    for (let move = 1; move <= maxMoves + 2; move++) staged.send(queued, chosen(`w${move}`));
    expect(triesOf(staged)).toHaveLength(1 + maxMoves);
    staged.did();
    staged.clock.advance(5_000);
    expect(staged.did()).toEqual([]);
    // All tries are still to be had, and the first fail-over is at once.
    for (let tries = 1; tries < maxTries; tries++) {
      staged.send(failed(true));
      if (tries === 1) staged.clock.advance(1);
      else staged.clock.advance(1_000);
      staged.send(chosen(`again ${tries}`));
    }
    staged.send(failed(true));
    expect(endsOf(staged)).toEqual(['slot_failed']);
    expect(triesOf(staged)).toHaveLength(maxMoves + maxTries);
  });

  it('on this machine stays there', () => {
    const staged = ask({ hasFallback: true, patienceMs: 100 });
    staged.clock.advance(100);
    staged.send(chosen('local'));
    staged.did();
    staged.send(queued);
    expect(staged.did()).toEqual([]);
  });
});

describe('an ask that must prove work', () => {
  it('does so, and asks the same worker again without a failed try', () => {
    const staged = ask();
    staged.send(chosen('w1'), wantsWork());
    expect(staged.did()).toEqual(['choose', 'send', 'solve']);
    staged.send(proven);
    expect(staged.did()).toEqual(['stopSolving', 'send']);
    expect(staged.context.proof).toEqual(proven.proof);
    staged.send(began, ended);
    expect(failedTries(staged)).toEqual([['w1', undefined]]);
  });

  it('shows its proof only to the worker that required it', () => {
    const staged = ask();
    staged.send(chosen('w1'), wantsWork(), proven, failed(true));
    staged.clock.advance(1);
    staged.send(chosen('w2'));
    expect(staged.context.proof).toBeUndefined();
  });

  it('proves its work to every worker that takes over, however many did before', () => {
    const staged = ask({ chance: 0 });
    for (let tries = 1; tries <= maxTries; tries++) {
      staged.send(chosen(`w${tries}`), wantsWork());
      expect(staged.state).toEqual({ open: 'working' });
      staged.send(proven, failed(true, 'rate_limited'));
      staged.clock.advance(1);
    }
    expect(endsOf(staged)).toEqual(['rate_limited']);
  });

  it('leaves a worker that keeps demanding proofs, or whose challenge is not solved in time', () => {
    const greedy = ask();
    greedy.send(chosen('w1'));
    for (let proofs = 0; proofs < maxProofs; proofs++) greedy.send(wantsWork(), proven);
    greedy.send(wantsWork());
    expect(greedy.state).toEqual({ open: 'backingOff' });
    const late = ask();
    late.send(chosen('w1'), wantsWork());
    late.clock.advance(60_000);
    expect(late.did()).toContain('stopSolving');
    const failing = ask();
    failing.send(chosen('w1'), wantsWork(), unproven);
    for (const staged of [greedy, late, failing]) {
      staged.clock.advance(1);
      staged.send(chosen('w2'));
      expect(failedTries(staged)).toEqual([
        ['w1', 'work_required'],
        ['w2', undefined],
      ]);
    }
    const last = ask({ chance: 0 });
    for (let tries = 1; tries <= maxTries; tries++) {
      last.send(chosen(`w${tries}`), wantsWork(), unproven);
      last.clock.advance(1);
    }
    expect(endsOf(last)).toEqual(['work_required']);
  });
});

describe('an ask with a local fallback', () => {
  const silentToTheEnd = (): Staged => {
    const staged = ask({ hasFallback: true, patienceMs: 3_000 });
    staged.send(chosen('w1'), began, stalled);
    staged.clock.advance(3_000);
    return staged;
  };
  it('uses it if no worker is found, none takes over, all tries failed, or all refused', () => {
    const lonely = ask({ hasFallback: true, patienceMs: 3_000 });
    lonely.clock.advance(3_000);
    const unlucky = ask({ hasFallback: true });
    for (let tries = 1; tries <= maxTries; tries++) {
      unlucky.send(chosen(`w${tries}`), failed(true));
      unlucky.clock.advance(1);
    }
    const unwanted = ask({ hasFallback: true });
    unwanted.send(chosen('w1'), failed(false, 'rate_limited'));
    unwanted.clock.advance(1);
    unwanted.send(refused('rate_limited'));
    for (const staged of [lonely, silentToTheEnd(), unlucky, unwanted]) {
      expect(staged.did().at(-1)).toBe('startLocal');
      staged.send(chosen('local'), began, ended);
      expect(staged.did()).toEqual(['stopStartingLocal', 'send', 'finish']);
      expect(triesOf(staged).at(-1)).toEqual({ worker: 'local', failure: undefined });
    }
  });

  it('does not use it if the request itself is at fault', () => {
    const staged = ask({ hasFallback: true });
    staged.send(chosen('w1'), failed(false, 'prompt_too_long'));
    expect(endsOf(staged)).toEqual(['prompt_too_long']);
  });

  it('fails with a reason if this machine cannot answer, or not in time', () => {
    const cannot = silentToTheEnd();
    cannot.send(refused('local_failed'));
    const tooSlow = silentToTheEnd();
    tooSlow.clock.advance(120_000);
    for (const staged of [cannot, tooSlow]) expect(endsOf(staged)).toEqual(['local_failed']);
    const failing = silentToTheEnd();
    failing.send(chosen('local'), failed(true, 'slot_failed'));
    expect(endsOf(failing)).toEqual(['slot_failed']);
  });
});

it('has exactly one end and asks no more than it may, for any sequence of events', () => {
  const event = fc.constantFrom(
    ...[chosen('w'), failed(true), failed(false), queued, placed, began, ended, silent, stalled, resumed],
    ...[wantsWork(), proven, unproven, refused('rate_limited'), cancel, shutdown],
  );
  const step = fc.oneof({ weight: 3, arbitrary: event }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, hasFallback) => {
      const staged = ask({ patienceMs: 2_000, deadlineMs: 30_000, chance: 0.5, hasFallback });
      for (const next of steps) {
        if (typeof next === 'number') staged.clock.advance(next);
        else staged.send(next);
      }
      staged.clock.advance(30_000);
      expect(staged.isDone).toBe(true);
      const names = staged.did();
      const sent = names.filter((name) => name === 'send').length;
      expect(names.filter((name) => name === 'finish')).toHaveLength(1);
      expect(names.indexOf('finish')).toBeGreaterThan(names.lastIndexOf('send'));
      const moves = failedTries(staged).filter(([, code]) => code === 'moved').length;
      expect(moves).toBeLessThanOrEqual(maxMoves);
      expect(triesOf(staged).length - moves).toBeLessThanOrEqual(hasFallback ? maxTries + 1 : maxTries);
      expect(sent).toBeLessThanOrEqual(triesOf(staged).length + maxProofs);
      // Who is left with the request in hand is told so, before anybody else is asked.
      const contacts = names.filter((name) => ['send', 'abandon', 'withdraw'].includes(name));
      expect(contacts[0] ?? 'send').toBe('send');
    }),
    { numRuns: 500 },
  );
});

it('has no transition that was not taken here', () => expect(untaken(askMachine)).toEqual([]));
