/**
 * How much of this machine may be lent just now: the score, its state, and the capacity that follows.
 * Invariants: the score is within 0..100 and falls as any term rises; a boundary belongs to the better state; on a low
 * battery the state is never better than busy; a state is left only when two samples in a row say so, for one of the states
 * that they said.
 */

/** Each term a share of 0..100. */
export interface HealthSample {
  /** Of all cores, by programs other than this worker and its engines; of the graphics card, where that is more. */
  readonly cpu: number;
  readonly memory: number;
  /** Of the cores, by the load average of the last minute without what this worker and its engines add to it. */
  readonly load: number;
  readonly queue: number;
  /** Undefined where the machine has none. */
  readonly battery?: Battery | undefined;
}

export interface Battery {
  readonly percent: number;
  /** It runs on the battery: not charging, and not plugged in. */
  readonly isDischarging: boolean;
}

export type HealthState = 'idle' | 'light' | 'moderate' | 'busy' | 'overloaded';

/** What others are told. */
export interface PublicHealth {
  readonly score: number;
  readonly state: HealthState;
  /** Share of slots and queue that may be filled, 0..100. */
  readonly capacity: number;
}

export interface Health extends PublicHealth {
  /** What the last sample said, where that was not `state`. */
  readonly doubt: HealthState | undefined;
}

/** From the best: the least score, and the share of slots and queue that may be filled. */
const states: readonly { readonly state: HealthState; readonly from: number; readonly capacity: number }[] = [
  { state: 'idle', from: 80, capacity: 100 },
  { state: 'light', from: 60, capacity: 80 },
  { state: 'moderate', from: 40, capacity: 60 },
  { state: 'busy', from: 20, capacity: 40 },
  { state: 'overloaded', from: 0, capacity: 0 },
];

/** Below this, a battery is its owner's. */
export const lowBatteryPercent = 30;
/** The best score of the state busy. */
const maxScoreOnLowBattery = 39;

/** What a worker says of itself before it has looked. */
export const unknownHealth: PublicHealth = { score: 100, state: 'idle', capacity: 100 };

const share = (value: number): number => Math.min(100, Math.max(0, value));

/** 0 (needed by its owner) to 100 (at rest). The weights are those of docs/rules.md, Health. */
export function healthScore({ cpu, memory, load, queue, battery }: HealthSample): number {
  const score = Math.round(100 - (0.3 * share(cpu) + 0.3 * share(memory) + 0.2 * share(load) + 0.2 * share(queue)));
  const isLow = battery !== undefined && battery.isDischarging && battery.percent < lowBatteryPercent;
  return isLow ? Math.min(score, maxScoreOnLowBattery) : score;
}

/** The state that a score falls into, and the share of slots and queue that may be filled in it, in percent. */
export function healthState(score: number): { readonly state: HealthState; readonly capacity: number } {
  for (const { state, from, capacity } of states) if (score >= from) return { state, capacity };
  return { state: 'overloaded', capacity: 0 };
}

/** The score is that of the sample; the state waits until a second sample agrees that it is not what it was. */
export function nextHealth(before: Health, sample: HealthSample): Health {
  const score = healthScore(sample);
  const { state, capacity } = healthState(score);
  if (state === before.state) return { ...before, score, doubt: undefined };
  if (before.doubt === undefined) return { ...before, score, doubt: state };
  return { score, state, capacity, doubt: undefined };
}
