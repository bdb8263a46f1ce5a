/** Whether a worker works for others: its owner's word, then the schedule. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dutyAt, ownerWord, type DutyRules } from '../../src/rules/duty.js';
import { isOnSchedule, parseSchedule, type Schedule, type WallTime } from '../../src/rules/schedule.js';

const hourMs = 3_600_000;
const wallTime = (atMs: number): WallTime => {
  const at = new Date(atMs);
  return { day: at.getUTCDay(), minute: 60 * at.getUTCHours() + at.getUTCMinutes() };
};
const schedules = ['22:00-07:00', 'mon-fri 18:00-08:00, sat,sun 00:00-24:00', 'wed 12:00-13:30', '00:00-24:00'];
const rules = fc.option(fc.constantFrom(...schedules), { nil: undefined }).map((text): DutyRules => ({
  schedule: text === undefined ? undefined : (parseSchedule(text) as Schedule),
  wallTime,
}));
const moment = fc.integer({ min: 0, max: 400 * hourMs });
const later = fc.integer({ min: 0, max: 200 * hourMs });
const bySchedule = ({ schedule }: DutyRules, atMs: number): string =>
  schedule === undefined || isOnSchedule(schedule, wallTime(atMs)) ? 'on_duty' : 'off_schedule';

it('a pause holds until its time is over, whatever the schedule says; then the schedule counts', () => {
  fc.assert(
    fc.property(
      rules,
      moment,
      fc.option(fc.integer({ min: 1, max: 100 * hourMs }), { nil: undefined }),
      later,
      (all, nowMs, forMs, laterMs) => {
        const word = ownerWord(all, 'pause', nowMs, forMs);
        const holds = forMs === undefined || laterMs < forMs;
        expect(dutyAt(all, word, nowMs + laterMs).state).toBe(holds ? 'paused' : bySchedule(all, nowMs + laterMs));
      },
    ),
  );
});

it('a resume means on duty until the schedule’s next change', () => {
  fc.assert(
    fc.property(rules, moment, later, (all, nowMs, laterMs) => {
      const word = ownerWord(all, 'resume', nowMs);
      const now = dutyAt(all, word, nowMs);
      expect(now.state).toBe('on_duty');
      if (word !== undefined && laterMs < (word.untilMs ?? Infinity) - nowMs)
        expect(dutyAt(all, word, nowMs + laterMs).state).toBe('on_duty');
      else expect(dutyAt(all, word, nowMs + laterMs).state).toBe(bySchedule(all, nowMs + laterMs));
    }),
  );
});

it('a state lasts exactly until the time announced with it', () => {
  const asked = fc.constantFrom('pause', 'resume', undefined);
  fc.assert(
    fc.property(
      rules,
      moment,
      asked,
      fc.integer({ min: 1, max: 100 * hourMs }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (all, nowMs, what, forMs, share) => {
        const word = what === undefined ? undefined : ownerWord(all, what, nowMs, what === 'pause' ? forMs : undefined);
        const { state, untilMs } = dutyAt(all, word, nowMs);
        if (untilMs === undefined) return;
        expect(untilMs).toBeGreaterThan(nowMs);
        expect(dutyAt(all, word, nowMs + Math.floor(share * (untilMs - nowMs))).state).toBe(state);
        expect(dutyAt(all, word, untilMs).state).not.toBe(state);
      },
    ),
  );
});
