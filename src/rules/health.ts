/**
 * How much of this machine may be lent just now: the score, its state, and the capacity that follows.
 * Invariants: the score is within 0..100 and falls as any term rises; a boundary belongs to the better state.
 */

/** Each a share of 0..100. */
export interface HealthSample {
  /** Of all cores, by programs other than this worker and its engines. */
  readonly cpu: number;
  readonly memory: number;
  /** Of the cores, by the load average of the last minute. */
  readonly load: number;
  readonly queue: number;
}

export type HealthState = 'idle' | 'light' | 'moderate' | 'busy' | 'overloaded';

/** From the best: the least score, and the share of slots and queue that may be filled. */
const states: readonly { readonly state: HealthState; readonly from: number; readonly capacity: number }[] = [
  { state: 'idle', from: 80, capacity: 100 },
  { state: 'light', from: 60, capacity: 80 },
  { state: 'moderate', from: 40, capacity: 60 },
  { state: 'busy', from: 20, capacity: 40 },
  { state: 'overloaded', from: 0, capacity: 0 },
];

const share = (value: number): number => Math.min(100, Math.max(0, value));

export function healthScore({ cpu, memory, load, queue }: HealthSample): number {
  return Math.round(100 - (0.3 * share(cpu) + 0.3 * share(memory) + 0.2 * share(load) + 0.2 * share(queue)));
}

export function healthState(score: number): { readonly state: HealthState; readonly capacity: number } {
  for (const { state, from, capacity } of states) if (score >= from) return { state, capacity };
  return { state: 'overloaded', capacity: 0 };
}
