/** A limit in bytes per second, shared by everything that passes through it. */
import { book, type BusyUntilMs } from '../../rules/bandwidth.js';
import type { Clock } from '../../runtime/clock.js';

export interface Throttle {
  /** Resolves when these bytes may pass. They count even if they are never sent. */
  take(bytes: number): Promise<void>;
}

export const unlimited: Throttle = { take: () => Promise.resolve() };

export function throttleAt(bytesPerSecond: number, clock: Clock): Throttle {
  let busyUntil: BusyUntilMs = 0;
  return {
    take(bytes) {
      const booked = book(busyUntil, bytes, bytesPerSecond, clock.monotonicMs());
      busyUntil = booked.busyUntil;
      if (booked.waitMs === 0) return Promise.resolve();
      return new Promise((resolve) => void clock.setTimeout(resolve, booked.waitMs));
    },
  };
}
