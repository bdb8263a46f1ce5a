/**
 * Whether a worker currently works for others: its owner's command first, then the schedule.
 *
 * Invariants: a pause holds until the owner ends it or its time is up, whatever the schedule says; a resume outside the
 * schedule holds until the schedule's next change, after which the schedule counts again; with neither command nor
 * schedule the worker is on duty.
 */
import { isOnSchedule, nextScheduleChange, type Schedule, type WallTime } from './schedule.js';

/** The owner's last command that is still in force. `untilMs` is a Unix time; without it, until further notice. */
export interface OwnerWord {
  readonly says: 'pause' | 'work';
  readonly untilMs?: number;
}

export type DutyState = 'on_duty' | 'paused' | 'off_schedule';

export interface Duty {
  readonly state: DutyState;
  /** When the state next changes on its own; undefined if it does not. */
  readonly untilMs: number | undefined;
}

export interface DutyRules {
  readonly schedule: Schedule | undefined;
  readonly wallTime: (atMs: number) => WallTime;
}

/**
 * The owner's word after a pause or resume; undefined: only the schedule counts. @param forMs duration of a pause;
 * without it, until resumed
 */
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

/** Whether the worker is on duty at `nowMs` (Unix time), and when that changes on its own. */
export function dutyAt(rules: DutyRules, word: OwnerWord | undefined, nowMs: number): Duty {
  const counts = word !== undefined && (word.untilMs === undefined || nowMs < word.untilMs);
  if (counts && word.says === 'pause') return { state: 'paused', untilMs: word.untilMs };
  const { schedule, wallTime } = rules;
  if (schedule === undefined) return { state: 'on_duty', untilMs: undefined };
  const changesAtMs = nextScheduleChange(schedule, counts ? (word.untilMs ?? nowMs) : nowMs, wallTime);
  if (counts || isOnSchedule(schedule, wallTime(nowMs))) return { state: 'on_duty', untilMs: changesAtMs };
  return { state: 'off_schedule', untilMs: changesAtMs };
}
