/**
 * How much of this machine may be lent: a score, its state, and the resulting capacity. Invariants: the score is within
 * 0..100 and falls as any term rises; a boundary belongs to the better state; on a low battery the state is never
 * better than busy; a state is left only after two samples in a row disagree with it, for the state reported by the
 * second.
 */

/** Each term is a percentage, 0..100. */
export interface HealthSample {
  /** Use of all cores by programs other than this worker and its engines; or of the graphics card, if higher. */
  readonly cpu: number;
  readonly memory: number;
  /** One-minute load average per core, less what this worker and its engines contribute. */
  readonly load: number;
  readonly queue: number;
  /** Undefined if the machine has none. */
  readonly battery?: Battery | undefined;
}

export interface Battery {
  readonly percent: number;
  /** On battery: neither charging nor plugged in. */
  readonly isDischarging: boolean;
}

export type HealthState = 'idle' | 'light' | 'moderate' | 'busy' | 'overloaded';

/** What is published. */
export interface PublicHealth {
  readonly score: number;
  readonly state: HealthState;
  /** Share of slots and queue that may be filled, 0..100. */
  readonly capacity: number;
}

export interface Health extends PublicHealth {
  /** The last sample's state, if it differed from `state`. */
  readonly doubt: HealthState | undefined;
}

/** From the best: the minimum score, and the share of slots and queue that may be filled. */
const states: readonly { readonly state: HealthState; readonly from: number; readonly capacity: number }[] = [
  { state: 'idle', from: 80, capacity: 100 },
  { state: 'light', from: 60, capacity: 80 },
  { state: 'moderate', from: 40, capacity: 60 },
  { state: 'busy', from: 20, capacity: 40 },
  { state: 'overloaded', from: 0, capacity: 0 },
];

/** Below this the battery is reserved for its owner. */
export const lowBatteryPercent = 30;
/** The highest score of the state busy. */
const maxScoreOnLowBattery = 39;

/** Published before the first sample. */
export const unknownHealth: PublicHealth = { score: 100, state: 'idle', capacity: 100 };

const share = (value: number): number => Math.min(100, Math.max(0, value));

/** 0 (needed by its owner) to 100 (idle). Weights as in docs/rules.md, Health. */
export function healthScore({ cpu, memory, load, queue, battery }: HealthSample): number {
  const score = Math.round(100 - (0.3 * share(cpu) + 0.3 * share(memory) + 0.2 * share(load) + 0.2 * share(queue)));
  const isLow = battery !== undefined && battery.isDischarging && battery.percent < lowBatteryPercent;
  return isLow ? Math.min(score, maxScoreOnLowBattery) : score;
}

/** The state for a score, and the percentage of slots and queue that may be filled in it. */
export function healthState(score: number): { readonly state: HealthState; readonly capacity: number } {
  for (const { state, from, capacity } of states) if (score >= from) return { state, capacity };
  return { state: 'overloaded', capacity: 0 };
}

/** The score follows each sample; the state changes only when a second sample also contradicts it. */
export function nextHealth(before: Health, sample: HealthSample): Health {
  const score = healthScore(sample);
  const { state, capacity } = healthState(score);
  if (state === before.state) return { ...before, score, doubt: undefined };
  if (before.doubt === undefined) return { ...before, score, doubt: state };
  return { score, state, capacity, doubt: undefined };
}
