/** How long, and how a worker is doing, in words. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDurationMs, showDuration } from '../../../src/cli/owner/duration.js';
import { showState } from '../../../src/cli/owner/show.js';

describe('durations', () => {
  it('are read as people write them', () => {
    const part = fc.integer({ min: 0, max: 999 });
    fc.assert(
      fc.property(part, part, part, part, (d, h, m, s) => {
        const sumMs = (((d * 24 + h) * 60 + m) * 60 + s) * 1_000;
        expect(parseDurationMs(` ${d}d${h}h${m}m${s}S `)).toBe(sumMs === 0 ? undefined : sumMs);
      }),
    );
    expect(['2h', '90m', '1h30m', '45s'].map(parseDurationMs)).toEqual([7_200_000, 5_400_000, 5_400_000, 45_000]);
  });

  it.each(['', '2', 'h', '2 hours', '30m1h', '-2h', '1.5h', '0m', '2h30'])('"%s" is none', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });

  it.each([
    [0, '0 s'],
    [999, '1 s'],
    [59_000, '59 s'],
    [60_000, '1 min'],
    [3_725_000, '1 h 2 min'],
    [3_600_000, '1 h'],
    [3_605_000, '1 h'],
    [90_000_000, '1 d 1 h'],
  ])('%i ms is shown as %s', (ms, shown) => {
    expect(showDuration(ms)).toBe(shown);
  });
});

it('a state is told with the time until which it holds', () => {
  expect(showState({ state: 'paused', untilMs: null }, 0)).toBe('paused until qmesh resume');
  expect(showState({ state: 'on_duty', untilMs: null }, 0)).toBe('on duty');
  expect(showState({ state: 'off_schedule', untilMs: 7_200_000 }, 3_600_000)).toMatch(
    /^off, by schedule until \w{3},? \d\d:\d\d, 1 h from now$/,
  );
});
