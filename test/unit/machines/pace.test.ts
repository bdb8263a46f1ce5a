/** The two machines that live by the clock alone: `status` and `health`. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { healthMachine, sampleMs } from '../../../src/machines/health.machine.js';
import { unknownHealth } from '../../../src/rules/health.js';
import { statusMachine } from '../../../src/machines/status.machine.js';
import { limits } from '../../../src/protocol/limits.js';
import { stage, untaken, type Staged } from './stage.js';

const changed = { type: 'status.changed' };

/** Lets time pass in steps of 1 ms; when each `name` happened. */
function timesOf(staged: Staged, name: string, ms: number, each: (atMs: number) => void = () => {}): number[] {
  const times: number[] = [];
  for (let at = 0; at <= ms; at++) {
    if (at > 0) staged.clock.advance(1);
    each(at);
    times.push(...staged.did().flatMap((did) => (did === name ? [at] : [])));
  }
  return times;
}

describe('status', () => {
  it('is sent on starting, and at least every five seconds while nothing changes', () => {
    const status = stage(statusMachine);
    expect(status.did()).toEqual(['watch', 'broadcast']);
    expect(timesOf(status, 'broadcast', 12_000)).toEqual([4_500, 9_000]);
  });

  it('sends a first change at once, and further ones together at the end of the gap', () => {
    const status = stage(statusMachine);
    status.did();
    const times = timesOf(status, 'broadcast', 6_000, (at) => {
      if ([100, 150, 300].includes(at)) status.send(changed);
    });
    expect(times).toEqual([100, 350, 350 + 250 + 4_500]);
  });

  it('is sent at most four times a second, within a gap of a change, and never older than the heartbeat', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 300, max: 4_000 }), { maxLength: 40 }), (changes) => {
        const status = stage(statusMachine);
        status.did();
        const times = timesOf(status, 'broadcast', 10_000, (at) => {
          if (changes.includes(at)) status.send(changed);
        });
        const gaps = times.map((at, i) => at - (times[i - 1] ?? -limits.statusMinGapMs));
        expect(Math.min(...gaps)).toBeGreaterThanOrEqual(limits.statusMinGapMs);
        for (const change of changes)
          expect(times.some((at) => at >= change && at <= change + limits.statusMinGapMs)).toBe(true);
        const silences = [...times, 10_000].map((at, i) => at - (times[i - 1] ?? 0));
        expect(Math.max(...silences)).toBeLessThan(limits.statusHeartbeatMs);
      }),
      { numRuns: 30 },
    );
  });

  it('ends when it is told to', () => {
    const status = stage(statusMachine);
    status.send({ type: 'sys.shutdown' });
    expect(status.isDone).toBe(true);
    expect(status.clock.pending).toBe(0);
  });

  it('has no transition that was not taken here', () => expect(untaken(statusMachine)).toEqual([]));
});

/** All terms at `busy` give the score 100 - busy. */
const sampled = (busy: number) => ({
  type: 'health.sampled',
  sample: { cpu: busy, memory: busy, load: busy, queue: busy },
});

function stateAfter(...busy: number[]): unknown[] {
  const health = stage(healthMachine, { published: () => unknownHealth });
  return busy.map((level) => {
    health.clock.advance(sampleMs);
    health.send(sampled(level));
    return health.context.state;
  });
}

describe('health', () => {
  it('takes a sample every two seconds, and publishes each', () => {
    const health = stage(healthMachine, { published: () => unknownHealth });
    for (let i = 0; i < 5; i++) {
      health.clock.advance(sampleMs - 1);
      expect(health.did()).toEqual([]);
      health.clock.advance(1);
      expect(health.did()).toEqual(['sample']);
      health.send(sampled(10));
      expect(health.did()).toEqual(['publish']);
    }
  });

  it('leaves a state at the second contradicting sample in a row, not at the first', () => {
    expect(stateAfter(0, 50, 0, 50, 0)).toEqual(['idle', 'idle', 'idle', 'idle', 'idle']);
    expect(stateAfter(0, 50, 50, 0, 0)).toEqual(['idle', 'idle', 'moderate', 'moderate', 'idle']);
    expect(stateAfter(90, 90, 90)).toEqual(['idle', 'overloaded', 'overloaded']);
  });

  it('publishes the score of each sample, and the capacity of the state that it is in', () => {
    const health = stage(healthMachine, { published: () => unknownHealth });
    health.clock.advance(sampleMs);
    health.send(sampled(90));
    expect(health.context).toMatchObject({ score: 10, state: 'idle', capacity: 100 });
    health.clock.advance(sampleMs);
    health.send(sampled(90));
    expect(health.context).toMatchObject({ score: 10, state: 'overloaded', capacity: 0 });
  });

  it('continues from what was published after a restart', () => {
    const overloaded = { score: 10, state: 'overloaded', capacity: 0 } as const;
    const health = stage(healthMachine, { published: () => overloaded });
    health.clock.advance(sampleMs);
    health.send(sampled(90));
    expect(health.context).toMatchObject(overloaded);
  });

  it('continues if a sample does not come', () => {
    const health = stage(healthMachine, { published: () => unknownHealth });
    health.clock.advance(4 * sampleMs);
    expect(health.did()).toEqual(['sample', 'sample']);
    health.send({ type: 'sys.shutdown' });
    expect(health.isDone).toBe(true);
  });

  it('has no transition that was not taken here', () => expect(untaken(healthMachine)).toEqual([]));
});
