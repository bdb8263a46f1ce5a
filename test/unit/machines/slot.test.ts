import { describe, expect, it } from 'vitest';
import { slotMachine } from '../../../src/machines/slot.machine.js';
import { stage, untaken, type Staged } from './stage.js';

const ready = { type: 'engine.ready', model: 'sha' };
const lost = { type: 'engine.lost' };
const leaving = { type: 'engine.leaving' };
const order = (run: string) => ({
  type: 'slot.run',
  order: { run, account: 'a', request: { prompt: '' }, tokens() {} },
});
const started = (run: string) => ({ type: 'run.started', run, promptTokens: 3 });
const progress = (run: string, patienceMs = 30_000) => ({ type: 'run.progress', run, patienceMs });
const firstToken = (run: string) => ({ type: 'run.firstToken', run });
const ended = (run: string) => ({
  type: 'run.ended',
  run,
  usage: { finishReason: 'stop', promptTokens: 1, completionTokens: 1 },
});
const failed = (run: string, code: string) => ({ type: 'run.failed', run, failure: { code, message: '' } });

function slotWith(...events: { type: string }[]): Staged {
  const slot = stage(slotMachine);
  slot.send(...events);
  slot.did();
  return slot;
}

describe('a slot', () => {
  it('greets its engine until it is answered, then offers itself', () => {
    const slot = stage(slotMachine);
    slot.clock.advance(3_000);
    expect(slot.did()).toEqual(['greetEngine', 'greetEngine', 'greetEngine', 'greetEngine']);
    slot.send(ready);
    expect(slot.did()).toEqual(['offer']);
    slot.clock.advance(3_600_000); // a free slot waits for work as long as it takes
    expect(slot.state).toBe('idle');
    expect(slot.clock.pending).toBe(0);
  });

  it('runs one order from its start to its end, reports each step once, and offers itself again', () => {
    const slot = slotWith(ready);
    slot.send(order('r1'), started('r1'), firstToken('r1'));
    expect(slot.state).toEqual({ busy: { decoding: 'heard' } });
    slot.send(ended('r1'));
    expect(slot.did()).toEqual(['withdraw', 'startRun', 'report', 'report', 'report', 'offer']);
  });

  it('refuses an order that it cannot take, wherever it is', () => {
    expect(offlineRefusal(stage(slotMachine))).toEqual(['refuse']);
    expect(offlineRefusal(slotWith(ready, order('r1')))).toEqual(['refuse']);
    expect(offlineRefusal(slotWith(ready, order('r1'), failed('r1', 'slot_failed')))).toEqual(['refuse']);
    function offlineRefusal(slot: Staged): string[] {
      slot.did();
      slot.send(order('other'));
      return slot.did();
    }
  });

  it('ignores runs that are not its own', () => {
    const slot = slotWith(ready, order('r2'));
    for (const late of [started, firstToken, progress, ended]) slot.send(late('r1'));
    slot.send(failed('r1', 'slot_failed'), failed('r1', 'bad_request'), { type: 'slot.cancel', run: 'r1' });
    expect(slot.did()).toEqual([]);
    expect(slot.state).toEqual({ busy: { prefilling: 'heard' } });
    slot.clock.advance(29_000);
    slot.send(progress('r1')); // nor does it keep a wedged run alive
    slot.clock.advance(1_000);
    expect(slot.state).toBe('wedged');
  });

  it('is wedged after 30 s without a sign, in the prompt and after it', () => {
    for (const events of [[order('r1')], [order('r1'), started('r1'), firstToken('r1')]]) {
      const slot = slotWith(ready, ...events);
      slot.clock.advance(29_999);
      expect(slot.did()).toEqual([]);
      slot.clock.advance(1);
      expect(slot.did()).toEqual(['restartEngine', 'reportLost']);
      slot.send(lost);
      expect(slot.state).toBe('offline');
      expect(slot.did()).toEqual(['greetEngine']); // the run was reported lost once
    }
  });

  it('is not wedged while there is progress, however long it takes', () => {
    const slot = slotWith(ready, order('r1'));
    for (let turn = 0; turn < 20; turn++) {
      slot.clock.advance(29_000);
      slot.send(progress('r1'));
      if (turn === 10) slot.send(firstToken('r1'));
    }
    expect(slot.state).toEqual({ busy: { decoding: 'heard' } });
    expect(slot.did()).toEqual(['report']);
  });

  it('waits as long as its run’s pace allows, from the last sign', () => {
    for (const before of [[], [firstToken('r1')]]) {
      const slot = slotWith(ready, order('r1'), ...before);
      slot.send(progress('r1', 10_000));
      slot.clock.advance(9_000);
      slot.send(progress('r1', 60_000));
      slot.clock.advance(59_999);
      expect(slot.state).not.toBe('wedged');
      slot.clock.advance(1);
      expect(slot.state).toBe('wedged');
      slot.send({ type: 'engine.lost' }, ready, order('r2')); // the next run's pace is not known yet
      slot.clock.advance(29_999);
      expect(slot.state).toEqual({ busy: { prefilling: 'quiet' } });
    }
  });

  it('reads what its engine has sent before it counts as wedged: an overdue timer proves nothing', () => {
    for (const before of [[], [firstToken('r1')]]) {
      const slot = slotWith(ready, order('r1'), ...before);
      slot.clock.advance(15_000); // as if the whole time had passed asleep, and the timer came first
      expect(JSON.stringify(slot.state)).toContain('quiet');
      slot.send(progress('r1'));
      slot.clock.advance(29_999);
      expect(slot.state).not.toBe('wedged');
    }
  });

  it('asks for an engine again if a requested restart does not happen', () => {
    const slot = slotWith(ready, order('r1'));
    slot.clock.advance(30_000 + 10_000);
    expect(slot.state).toBe('offline');
    expect(slot.did()).toEqual(['restartEngine', 'reportLost', 'greetEngine']);
  });

  it('reports its run lost with the engine, and nothing if it had none', () => {
    const busy = slotWith(ready, order('r1'));
    busy.send(lost, lost);
    expect(busy.did()).toEqual(['reportLost', 'greetEngine', 'greetEngine']);
    for (const news of [lost, leaving]) {
      const idle = slotWith(ready);
      idle.send(news);
      expect(idle.did()).toEqual(['withdraw', 'greetEngine']);
    }
    const other = slotWith(ready, order('r1'));
    other.send(leaving); // its run is lost when every idle slot knows
    expect(other.did()).toEqual([]);
  });

  it('passes on a cancel of its own run, and waits until the run has ended', () => {
    const slot = slotWith(ready, order('r1'));
    slot.send({ type: 'slot.cancel', run: 'r1' });
    expect(slot.did()).toEqual(['cancelRun']);
    slot.send(failed('r1', 'bad_request'));
    expect(slot.did()).toEqual(['report', 'offer']);
  });

  it('pauses after a run the engine gave up, so that one that always fails does not spin', () => {
    const slot = slotWith(ready, order('r1'), failed('r1', 'slot_failed'));
    expect(slot.state).toBe('faulted');
    slot.clock.advance(200);
    expect(slot.state).toBe('idle');
    expect(slot.did()).toEqual(['offer']);
  });

  it('gets rid of a run the scheduler has forgotten, without reporting its end', () => {
    for (const end of [ended('r1'), failed('r1', 'slot_failed')]) {
      const slot = slotWith(ready, order('r1'));
      slot.send({ type: 'slot.report' }, ended('r0'), failed('r0', 'slot_failed'));
      expect(slot.state).toBe('releasing');
      slot.send(end);
      expect(slot.did()).toEqual(['cancelRun', 'offer']);
    }
    const idle = slotWith(ready);
    idle.send({ type: 'slot.report' });
    expect(idle.did()).toEqual(['offer']);
  });

  it('requests a new engine if a forgotten run does not end', () => {
    const slot = slotWith(ready, order('r1'), { type: 'slot.report' });
    slot.clock.advance(30_000);
    expect(slot.state).toBe('wedged');
    expect(slot.did()).toContain('restartEngine');
  });

  it('stops at once in every state', () => {
    const paths = [[], [ready], [ready, order('r1')], [ready, order('r1'), { type: 'slot.report' }]];
    for (const path of paths) {
      const slot = slotWith(...path);
      slot.send({ type: 'sys.shutdown' });
      expect(slot.isDone).toBe(true);
      expect(slot.clock.pending).toBe(0);
    }
  });

  it('has no transition that was not taken here', () => expect(untaken(slotMachine)).toEqual([]));
});
