/**
 * When a worker is on duty: hours of the week in its machine's local time, as its owner writes them.
 *
 *     22:00-07:00                                   every night
 *     mon-fri 18:00-08:00, sat,sun 00:00-24:00      evenings and nights of the working week, all of the weekend
 *
 * A window belongs to the day on which it begins, so `fri 18:00-08:00` ends on Saturday. The wall clock decides: an
 * hour skipped by the change to summer time is not worked, and one that occurs twice is worked twice.
 */

/** What the wall clock shows. Day 0 is Sunday. */
export interface WallTime {
  readonly day: number;
  /** Minute of the day, 0 to 1,439. */
  readonly minute: number;
}

/** In minutes of the week, from Sunday 00:00. */
interface Window {
  readonly from: number;
  readonly length: number;
}

export interface Schedule {
  /** As written. */
  readonly text: string;
  readonly windows: readonly Window[];
}

const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const dayMinutes = 1_440;
const weekMinutes = 7 * dayMinutes;
const minuteMs = 60_000;
/** More than this is a mistake, or an attack on whoever reads it. */
export const maxWindows = 64;
/** Two weeks and a day: a weekly window that falls into the hour skipped in spring comes a week later. */
const lookAheadMinutes = 2 * weekMinutes + dayMinutes;

/** The schedule, or what is wrong with the text. */
export function parseSchedule(text: string): Schedule | { readonly problem: string } {
  const windows: Window[] = [];
  let days: number[] = [];
  let named: boolean | undefined;
  for (const part of text.split(',').map((piece) => piece.trim().toLowerCase())) {
    const [, dayText, timeText] = /^([^\d\s]*)\s*(.*)$/.exec(part) ?? [];
    if (dayText !== undefined && dayText !== '') {
      const more = parseDays(dayText);
      if (more === undefined) return { problem: `"${dayText}" is no day; days are ${dayNames.join(', ')}, or mon-fri` };
      days.push(...more);
    }
    if (timeText === undefined || timeText === '') {
      if (days.length > 0) continue;
      return { problem: 'something is missing beside a comma' };
    }
    const times = parseTimes(timeText);
    if ('problem' in times) return times;
    const isNamed = days.length > 0;
    if (named !== undefined && named !== isNamed)
      return { problem: 'either all times name their days, or none does (mon-fri 08:00-12:00, mon-fri 13:00-17:00)' };
    named = isNamed;
    for (const day of isNamed ? days : dayNames.keys())
      windows.push({ from: day * dayMinutes + times.from, length: times.length });
    days = [];
  }
  if (days.length > 0)
    return { problem: `${days.map((day) => dayNames[day]).join(', ')} have no times; add them (18:00-08:00)` };
  if (windows.length > maxWindows) return { problem: `it has more than ${maxWindows} windows` };
  return { text: text.trim(), windows };
}

/** `mon`, or `fri-mon`. */
function parseDays(text: string): number[] | undefined {
  const [first, last, ...more] = text.split('-').map((name) => dayNames.findIndex((day) => day === name));
  if (first === undefined || first < 0 || last === -1 || more.length > 0) return undefined;
  const count = last === undefined ? 1 : ((last - first + 7) % 7) + 1;
  return Array.from({ length: count }, (_, i) => (first + i) % 7);
}

function parseTimes(text: string): { from: number; length: number } | { problem: string } {
  const [, ...numbers] = /^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  const [fromHour = -1, fromMinute = -1, toHour = -1, toMinute = -1] = numbers.map(Number);
  if (fromHour < 0) return { problem: `"${text}" is no time; write it as 22:00-07:00` };
  const from = 60 * fromHour + fromMinute;
  const to = 60 * toHour + toMinute;
  if (fromMinute > 59 || toMinute > 59 || from >= dayMinutes || to > dayMinutes)
    return { problem: `"${text}" is outside of a day; times go from 00:00 to 24:00` };
  if (from === to) return { problem: `"${text}" is empty; the whole day is 00:00-24:00` };
  return { from, length: to > from ? to - from : to - from + dayMinutes };
}

export function isOnSchedule({ windows }: Schedule, { day, minute }: WallTime): boolean {
  const now = day * dayMinutes + minute;
  return windows.some(({ from, length }) => (now - from + weekMinutes) % weekMinutes < length);
}

/**
 * When `isOnSchedule` next changes: the first full minute after `nowMs` at which it differs from its value at `nowMs`;
 * undefined if it never does. Checks every minute until then, the only method that is right for every time zone: 1 ms
 * for a day.
 *
 * @param wallTime of a Unix time
 */
export function nextScheduleChange(
  schedule: Schedule,
  nowMs: number,
  wallTime: (atMs: number) => WallTime,
): number | undefined {
  const before = isOnSchedule(schedule, wallTime(nowMs));
  const thisMinuteMs = Math.floor(nowMs / minuteMs) * minuteMs;
  for (let i = 1; i <= lookAheadMinutes; i++) {
    const atMs = thisMinuteMs + i * minuteMs;
    if (isOnSchedule(schedule, wallTime(atMs)) !== before) return atMs;
  }
  return undefined;
}
