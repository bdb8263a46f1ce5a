import { describe, expect, it } from 'vitest';
import { LoadMeter, usageWindowMs, type Usage } from '../../../src/engine/load-meter.js';
import type { ProcessorTimes } from '../../../src/runtime/processor-times.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

/** A machine of four cores, on which we and others keep these many busy. */
class Machine {
  readonly clock = new VirtualClock();
  readonly said: Usage[] = [];
  own = 0;
  others = 0;
  #times = { ownMs: 0, busyMs: 0, totalMs: 0, cores: 4 };

  meter(): LoadMeter {
    const read = (): ProcessorTimes => this.#times;
    return new LoadMeter(this.clock, (usage) => this.said.push(usage), read);
  }

  run(ms: number): void {
    for (let i = 0; i < ms; i++) {
      const { ownMs, busyMs, totalMs } = this.#times;
      this.#times = {
        ...this.#times,
        ownMs: ownMs + this.own,
        busyMs: busyMs + this.own + this.others,
        totalMs: totalMs + 4,
      };
      this.clock.advance(1);
    }
  }
}

describe('the meter of an engine', () => {
  it('tells own use and that of others apart, window by window', () => {
    const machine = new Machine();
    const meter = machine.meter();
    Object.assign(machine, { own: 3, others: 1 });
    meter.computing(true);
    machine.run(2 * usageWindowMs);
    expect(machine.said).toHaveLength(2);
    for (const { windowMs, cpuMs, othersCores } of machine.said) {
      expect(windowMs).toBe(usageWindowMs);
      expect(cpuMs).toBe(3 * usageWindowMs);
      expect(othersCores).toBeCloseTo(1, 9);
    }
  });

  it('says nothing while the engine rests, one thing after its last batch, and loses nothing between batches', () => {
    const machine = new Machine();
    const meter = machine.meter();
    machine.run(5_000);
    expect(machine.said).toEqual([]);
    let worked = 0;
    for (let i = 0; i < 5; i++) {
      meter.computing(true);
      machine.own = 1;
      machine.run(130);
      worked += 130;
      meter.computing(false);
      machine.own = 0;
      machine.run(30);
    }
    machine.run(5_000);
    expect(machine.said.reduce((sum, { cpuMs }) => sum + cpuMs, 0)).toBe(worked);
    expect(machine.said).toHaveLength(2);
    expect(machine.clock.pending).toBe(0);
  });
});
