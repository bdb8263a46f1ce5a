import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { book, burstMs } from '../../../src/rules/bandwidth.js';
import {
  isStalled,
  isWorthWaiting,
  retryDelayMs,
  spareDiskBytes,
  whyNoRoom,
  type Room,
} from '../../../src/rules/model-fetch.js';

const room: Room = {
  fileBytes: 4e9,
  alreadyBytes: 0,
  freeDiskBytes: 4e9 + spareDiskBytes,
  neededMemoryBytes: 5e9,
  memoryBytes: 8e9,
};

describe('a fetch', () => {
  it('begins with exactly enough room, and not with a byte less', () => {
    expect(whyNoRoom(room)).toBeUndefined();
    expect(whyNoRoom({ ...room, freeDiskBytes: room.freeDiskBytes - 1 })).toContain('QMESH_MODELS');
    expect(whyNoRoom({ ...room, freeDiskBytes: room.freeDiskBytes - 1e9, alreadyBytes: 1e9 })).toBeUndefined();
  });

  it('is refused for a model this machine can never serve, with both numbers', () => {
    const why = whyNoRoom({ ...room, neededMemoryBytes: 9e9 });
    expect(why).toContain('9.0 GB');
    expect(why).toContain('8.0 GB');
    expect(whyNoRoom({ ...room, neededMemoryBytes: undefined })).toBeUndefined();
  });

  it('drops a seeder that accepted requests and sends nothing, sooner if there are others', () => {
    expect(isStalled({ open: 1, silentMs: 29_999, isOnlyOne: false })).toBe(false);
    expect(isStalled({ open: 1, silentMs: 30_000, isOnlyOne: false })).toBe(true);
    expect(isStalled({ open: 1, silentMs: 119_999, isOnlyOne: true })).toBe(false);
    expect(isStalled({ open: 1, silentMs: 120_000, isOnlyOne: true })).toBe(true);
    expect(isStalled({ open: 0, silentMs: 1e9, isOnlyOne: false })).toBe(false);
  });

  it('waits for a fellow’s blocks unless it is silent or far slower than the seeder', () => {
    const fellow = { silentMs: 0, blockMs: 400, seederBlockMs: 100 };
    expect(isWorthWaiting(fellow)).toBe(true);
    expect(isWorthWaiting({ ...fellow, blockMs: 401 })).toBe(false);
    expect(isWorthWaiting({ ...fellow, silentMs: 5_000 })).toBe(false);
    expect(isWorthWaiting({ ...fellow, blockMs: undefined })).toBe(true);
    expect(isWorthWaiting({ ...fellow, seederBlockMs: undefined })).toBe(true);
  });

  it('backs off after each try that brought nothing, up to half a minute', () =>
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 0.999, noNaN: true }), (tries, chance) => {
        const delayMs = retryDelayMs(tries, chance);
        expect(delayMs).toBeGreaterThanOrEqual(250);
        expect(delayMs).toBeLessThanOrEqual(30_000);
        expect(retryDelayMs(tries + 1, chance)).toBeGreaterThanOrEqual(delayMs);
      }),
    ));
});

describe('a limited line', () => {
  it('never passes more than its rate plus the burst, in any stretch of time', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 10_000_000 }),
        fc.array(fc.record({ gapMs: fc.nat(500), bytes: fc.integer({ min: 1, max: 1 << 20 }) }), { minLength: 1 }),
        (rate, takes) => {
          let busyUntil = 0;
          let nowMs = 0;
          const passed: { atMs: number; bytes: number }[] = [];
          for (const { gapMs, bytes } of takes) {
            nowMs += gapMs;
            const booked = book(busyUntil, bytes, rate, nowMs);
            busyUntil = booked.busyUntil;
            passed.push({ atMs: nowMs + booked.waitMs, bytes });
          }
          for (const [i, { atMs: fromMs }] of passed.entries()) {
            let bytes = 0;
            for (const later of passed.slice(i)) {
              bytes += later.bytes;
              const first = passed[i]!.bytes; // passes at the start of the stretch
              const stretchMs = later.atMs - fromMs + burstMs + (first / rate) * 1_000;
              expect(bytes).toBeLessThanOrEqual((rate * stretchMs) / 1_000 + 1);
            }
          }
        },
      ),
    ));
});
