/** The duty chart: what the owner says, what the schedule says, and who is told. */
import { afterAll, describe, expect, it } from 'vitest';
import { dutyMachine } from '../../../src/machines/duty.machine.js';
import type { Duty } from '../../../src/rules/duty.js';
import { stage, untaken } from './stage.js';

const onDuty: Duty = { state: 'on_duty', untilMs: undefined };

/** On a duty that the test sets. */
function staged(first: Duty = onDuty) {
  const now: { duty: Duty } = { duty: first };
  const time: { ms: () => number } = { ms: () => 0 };
  const machine = stage(dutyMachine, { dutyNow: () => now.duty, now: () => time.ms() });
  time.ms = () => machine.clock.now();
  return {
    ...machine,
    get state() {
      return machine.state;
    },
    get isDone() {
      return machine.isDone;
    },
    now,
  };
}

afterAll(() => expect(untaken(dutyMachine)).toEqual([]));

describe('duty', () => {
  it.each([
    ['on_duty', 'onDuty'],
    ['paused', 'paused'],
    ['off_schedule', 'offSchedule'],
  ] as const)('begins %s where that is so, and says it', (state, value) => {
    const duty = staged({ state, untilMs: undefined });
    expect(duty.state).toBe(value);
    expect(duty.effects()).toMatchObject([{ name: 'announce', params: { state } }]);
    duty.send({ type: 'sys.shutdown' });
    expect(duty.isDone).toBe(true);
    expect(duty.clock.pending).toBe(0);
  });

  it('stores the owner’s command, then re-evaluates and announces', () => {
    const duty = staged();
    duty.did();
    duty.now.duty = { state: 'paused', untilMs: 7_200_000 };
    duty.send({ type: 'duty.pause', forMs: 7_200_000 });
    expect(duty.effects()).toMatchObject([
      { name: 'keepPause', params: { forMs: 7_200_000 } },
      { name: 'announce', params: { state: 'paused', untilMs: 7_200_000 } },
    ]);
    duty.now.duty = onDuty;
    duty.send({ type: 'duty.resume' });
    expect(duty.did()).toEqual(['keepResume', 'announce']);
    expect(duty.state).toBe('onDuty');
  });

  it('repeats its state on request, and otherwise announces only changes', () => {
    const duty = staged();
    duty.did();
    duty.clock.advance(600_000);
    expect(duty.did()).toEqual([]);
    duty.send({ type: 'duty.report' });
    expect(duty.did()).toEqual(['announce']);
  });

  it('changes on time, to the millisecond', () => {
    for (const state of ['on_duty', 'paused', 'off_schedule'] as const) {
      const duty = staged({ state, untilMs: 3_600_000 });
      const next: Duty = { state: state === 'on_duty' ? 'off_schedule' : 'on_duty', untilMs: undefined };
      duty.did();
      duty.clock.advance(3_599_999);
      expect(duty.did()).toEqual([]);
      duty.now.duty = next;
      duty.clock.advance(1);
      expect(duty.effects()).toMatchObject([{ name: 'announce', params: next }]);
    }
  });

  it('notices within seconds that the clock was set', () => {
    for (const state of ['on_duty', 'paused', 'off_schedule'] as const) {
      const duty = staged({ state, untilMs: 3_600_000 });
      duty.did();
      duty.now.duty = { state: state === 'on_duty' ? 'off_schedule' : 'on_duty', untilMs: undefined };
      duty.clock.advance(10_000);
      expect(duty.did()).toEqual(['announce']);
    }
  });
});
