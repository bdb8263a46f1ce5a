/** Schedules: what is written is what is worked, and the next change is the next one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isOnSchedule,
  nextScheduleChange,
  parseSchedule,
  type Schedule,
  type WallTime,
} from '../../src/rules/schedule.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** A place on earth, as its offset from UTC before and after the one change it makes. */
const zone = fc
  .record({
    hours: fc.integer({ min: -12, max: 13 }),
    change: fc.constantFrom(-60, -30, 0, 30, 60),
    atHour: fc.integer({ min: 0, max: 24 * 21 }),
  })
  .map(({ hours, change, atHour }) => (atMs: number): WallTime => {
    const offset = 60 * hours + (atMs >= atHour * hourMs ? change : 0);
    const local = new Date(atMs + offset * minuteMs);
    return { day: local.getUTCDay(), minute: 60 * local.getUTCHours() + local.getUTCMinutes() };
  });

interface Times {
  readonly from: number;
  readonly to: number;
}
const times = fc
  .record({ from: fc.integer({ min: 0, max: 1_439 }), to: fc.integer({ min: 0, max: 1_440 }) })
  .filter(({ from, to }) => from !== to);
const dayNumber = fc.integer({ min: 0, max: 6 });
const clock = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
const written = ({ from, to }: Times): string => `${clock(from)}-${clock(to)}`;

function parsed(text: string): Schedule {
  const schedule = parseSchedule(text);
  if ('problem' in schedule) throw new Error(`${text}: ${schedule.problem}`);
  return schedule;
}

const anySchedule = fc
  .oneof(
    fc.array(times, { minLength: 1, maxLength: 4 }).map((all) => all.map(written).join(', ')),
    fc
      .array(fc.tuple(dayNumber, dayNumber, times), { minLength: 1, maxLength: 4 })
      .map((all) => all.map(([a, b, hours]) => `${days[a]!}-${days[b]!} ${written(hours)}`).join(',')),
  )
  .map(parsed);
const moment = fc.integer({ min: 0, max: 14 * 24 * hourMs });

describe('the next change', () => {
  it('is the first full minute with a different state', () => {
    fc.assert(
      fc.property(anySchedule, zone, moment, (schedule, wallTime, nowMs) => {
        const isOn = (atMs: number): boolean => isOnSchedule(schedule, wallTime(atMs));
        const next = nextScheduleChange(schedule, nowMs, wallTime);
        const end = next ?? nowMs + 8 * 24 * hourMs;
        const first = Math.floor(nowMs / minuteMs) * minuteMs + minuteMs;
        for (let atMs = first; atMs < end; atMs += 7 * minuteMs) expect(isOn(atMs)).toBe(isOn(nowMs));
        if (next === undefined) return;
        expect(next).toBeGreaterThan(nowMs);
        expect(isOn(next)).not.toBe(isOn(nowMs));
        expect(isOn(next - 1)).toBe(isOn(nowMs));
      }),
    );
  });
});

describe('a parsed schedule', () => {
  const at = (day: number, minute: number): WallTime => ({
    day: (day + Math.floor(minute / 1_440)) % 7,
    minute: minute % 1_440,
  });

  it('has windows that begin on their day, last their length, and continue past midnight', () => {
    fc.assert(
      fc.property(dayNumber, times, fc.integer({ min: 0, max: 1_439 }), (day, { from, to }, later) => {
        const schedule = parsed(`${days[day]!} ${written({ from, to })}`);
        const length = to > from ? to - from : to - from + 1_440;
        expect(isOnSchedule(schedule, at(day, from + later))).toBe(later < length);
        expect(isOnSchedule(schedule, at(day + 2, from + later))).toBe(false);
      }),
    );
  });

  it('expands a range of days, also across the end of the week', () => {
    fc.assert(
      fc.property(dayNumber, dayNumber, dayNumber, (first, last, day) => {
        const schedule = parsed(`${days[first]!}-${days[last]!} 10:00-11:00`);
        const isIn = (day - first + 7) % 7 <= (last - first + 7) % 7;
        expect(isOnSchedule(schedule, { day, minute: 630 })).toBe(isIn);
      }),
    );
  });

  it('applies times to every day in a list', () => {
    const schedule = parsed('mon-fri 18:00-08:00, sat,sun 00:00-24:00');
    expect([0, 1, 2, 3, 4, 5, 6].map((day) => isOnSchedule(schedule, { day, minute: 720 }))).toEqual([
      true,
      ...Array<boolean>(5).fill(false),
      true,
    ]);
    expect(isOnSchedule(schedule, { day: 1, minute: 7 * 60 })).toBe(false); // Sunday's day ends at midnight
    expect(isOnSchedule(schedule, { day: 2, minute: 7 * 60 })).toBe(true);
    expect(nextScheduleChange(parsed('00:00-24:00'), 0, () => ({ day: 0, minute: 0 }))).toBeUndefined();
  });
});

describe('an invalid schedule', () => {
  it.each([
    ['', 'something is missing beside a comma'],
    ['22:00-07:00,', 'something is missing beside a comma'],
    ['nights', '"nights" is no day'],
    ['mon-foo 10:00-12:00', '"mon-foo" is no day'],
    ['mon-tue-wed 10:00-12:00', '"mon-tue-wed" is no day'],
    ['22-7', '"22-7" is no time; write it as 22:00-07:00'],
    ['mon 22:00', '"22:00" is no time'],
    ['10:60-12:00', '"10:60-12:00" is outside of a day'],
    ['10:00-24:01', '"10:00-24:01" is outside of a day'],
    ['24:00-10:00', '"24:00-10:00" is outside of a day'],
    ['10:00-10:00', '"10:00-10:00" is empty; the whole day is 00:00-24:00'],
    ['10:00-12:00, mon 13:00-14:00', 'either all times name their days, or none does'],
    ['mon 10:00-12:00, sat,sun', 'sat, sun have no times'],
    [Array<string>(65).fill('10:00-12:00').join(), 'it has more than 64 windows'],
  ])('%s', (text, problem) => {
    expect(parseSchedule(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('any text yields a schedule or a problem, never an exception', () => {
    const piece = fc.constantFrom(...days, '-', ' ', ',', ':', '10:00', '24:00', '7', 'x');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          const result = parseSchedule(text);
          if (!('problem' in result)) expect(result.windows.length).toBeGreaterThan(0);
        },
      ),
    );
  });
});
