/**
 * Whether a worker works for others just now: its owner's word first, then the schedule.
 *
 * Invariants: a pause holds until the owner takes it back or its time is over, whatever the schedule says; a resume outside of
 * the schedule holds until the schedule's next change, and then the schedule counts again; without word and schedule the
 * worker is on duty.
 */
import { isOnSchedule, nextScheduleChange, type Schedule, type WallTime } from './schedule.js';

/** What the owner said last, as far as it still counts. `untilMs` is a Unix time; without it, until further notice. */
export interface OwnerWord {
  readonly says: 'pause' | 'work';
  readonly untilMs?: number;
}

export type DutyState = 'on_duty' | 'paused' | 'off_schedule';

export interface Duty {
  readonly state: DutyState;
  /** When the state changes by itself; undefined where it does not. */
  readonly untilMs: number | undefined;
}

export interface DutyRules {
  readonly schedule: Schedule | undefined;
  readonly wallTime: (atMs: number) => WallTime;
}

/** What the owner's word is after a pause or a resume; undefined: only the schedule counts. @param forMs of a pause; without it, until a resume. */
export function ownerWord(
  rules: DutyRules,
  asked: 'pause' | 'resume',
  nowMs: number,
  forMs?: number,
): OwnerWord | undefined {
  if (asked === 'pause') return forMs === undefined ? { says: 'pause' } : { says: 'pause', untilMs: nowMs + forMs };
  const { schedule, wallTime } = rules;
  if (schedule === undefined || isOnSchedule(schedule, wallTime(nowMs))) return undefined;
  const untilMs = nextScheduleChange(schedule, nowMs, wallTime);
  return untilMs === undefined ? { says: 'work' } : { says: 'work', untilMs };
}

/** Whether the worker is on duty at `nowMs` (Unix time), and when that changes by itself. */
export function dutyAt(rules: DutyRules, word: OwnerWord | undefined, nowMs: number): Duty {
  const counts = word !== undefined && (word.untilMs === undefined || nowMs < word.untilMs);
  if (counts && word.says === 'pause') return { state: 'paused', untilMs: word.untilMs };
  const { schedule, wallTime } = rules;
  if (schedule === undefined) return { state: 'on_duty', untilMs: undefined };
  const changesAtMs = nextScheduleChange(schedule, counts ? (word.untilMs ?? nowMs) : nowMs, wallTime);
  if (counts || isOnSchedule(schedule, wallTime(nowMs))) return { state: 'on_duty', untilMs: changesAtMs };
  return { state: 'off_schedule', untilMs: changesAtMs };
}
