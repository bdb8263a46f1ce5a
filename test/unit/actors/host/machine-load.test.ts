import { describe, expect, it } from 'vitest';
import {
  countEngines,
  machineLoad,
  maxSurveyGapMs,
  minSurveyGapMs,
  surveyGapFactor,
} from '../../../../src/actors/host/machine-load.js';
import { graphicsUse, type Survey, type SurveyTask } from '../../../../src/actors/host/machine-survey.js';
import type { EngineProcessEvents } from '../../../../src/actors/ports.js';
import type { MemoryLimits } from '../../../../src/runtime/container-limits.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';

const unlimited: MemoryLimits = { limitBytes: Infinity, availableBytes: Infinity, swapUsedBytes: 0 };
const nothing: Survey = { reclaimableBytes: 0, swapUsedBytes: 0, battery: undefined, graphics: undefined };

/** A machine of two cores and 100 bytes, whose surveys are answered by the test. */
function machine(limits = unlimited) {
  const clock = new VirtualClock();
  const asked: { task: SurveyTask; answer: (survey: Survey) => void; fail: (error: Error) => void }[] = [];
  let freeBytes = 60;
  const sample = machineLoad({
    clock,
    engineCpuMs: () => 0,
    countsOwn: false,
    machine: {
      read: () => ({ ownMs: 0, busyMs: 0, totalMs: clock.monotonicMs() * 2, cores: 2, usableCores: 2, loadAverage: 0 }),
      memory: () => ({ totalBytes: 100, freeBytes, limits }),
      survey: (task) => new Promise((answer, fail) => asked.push({ task, answer, fail })),
    },
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    clock,
    asked,
    sample,
    free: (bytes: number) => (freeBytes = bytes),
    answer: async (survey: Survey): Promise<void> => {
      asked.at(-1)?.answer(survey);
      await settle();
    },
    fail: async (): Promise<void> => {
      asked.at(-1)?.fail(new Error('no such thing here'));
      await settle();
    },
  };
}

describe('a survey', () => {
  it('is made at the first sample, once at a time, and again after its gap', async () => {
    const { clock, asked, sample, answer } = machine();
    sample(true);
    for (let i = 0; i < 100; i++) {
      clock.advance(2_000);
      sample(true);
    }
    expect(asked).toHaveLength(1); // it has not come back
    await answer(nothing);
    clock.advance(maxSurveyGapMs - 1);
    sample(true);
    expect(asked).toHaveLength(1); // it took 200 s: so costly a thing is done at the longest gap
    clock.advance(1);
    sample(true);
    expect(asked).toHaveLength(2);
    await answer(nothing);
    clock.advance(minSurveyGapMs);
    sample(true);
    expect(asked).toHaveLength(3);
    clock.advance(200);
    await answer(nothing);
    clock.advance(200 * surveyGapFactor - 1);
    sample(true);
    expect(asked).toHaveLength(3);
  });

  it('corrects what is free by what could be, and adds what is swapped out; free memory is read at each sample', async () => {
    const { sample, answer, free } = machine();
    expect(sample(true).memory).toBeCloseTo(40);
    await answer({ ...nothing, reclaimableBytes: 20, swapUsedBytes: 5 });
    expect(sample(true).memory).toBeCloseTo(25);
    free(30);
    expect(sample(true).memory).toBeCloseTo(55);
  });

  it("measures memory by a container's limit, and by what it has swapped out itself", async () => {
    const { sample, answer, free } = machine({ limitBytes: 50, availableBytes: 20, swapUsedBytes: 5 });
    await answer({ ...nothing, swapUsedBytes: 80 });
    expect(sample(true).memory).toBeCloseTo(70);
    free(10); // the machine itself has less than the container may take
    expect(sample(true).memory).toBeCloseTo(90);
  });

  it('tells of the battery, and fails without harm', async () => {
    const battery = { percent: 20, isDischarging: true };
    const { clock, sample, answer, fail } = machine();
    sample(true);
    await answer({ ...nothing, battery });
    expect(sample(true).battery).toEqual(battery);
    clock.advance(minSurveyGapMs);
    sample(true);
    await fail();
    expect(sample(true).battery).toEqual(battery);
  });

  it('looks at graphics cards only where there are some', async () => {
    const { clock, asked, sample, answer } = machine();
    for (const graphics of [{ use: 0, memory: 10 }, undefined, undefined]) {
      sample(true);
      await answer({ ...nothing, graphics });
      clock.advance(minSurveyGapMs);
    }
    expect(asked.map(({ task }) => task.graphics)).toEqual([true, true, false]);
  });

  it('counts the memory of graphics cards, and their use as it was when our engines rested', async () => {
    const { clock, sample, answer } = machine();
    const survey = async (resting: boolean, use: number) => {
      sample(resting);
      await answer({ ...nothing, graphics: { use, memory: 90 } });
      const { cpu, memory } = sample(resting);
      clock.advance(minSurveyGapMs);
      return { cpu, memory };
    };
    expect(await survey(true, 30)).toEqual({ cpu: 30, memory: 90 });
    expect(await survey(false, 100)).toEqual({ cpu: 30, memory: 90 });
    expect(await survey(true, 5)).toEqual({ cpu: 5, memory: 90 });
  });
});

it('graphics cards that say nothing are none, and of several the fullest and the busiest count', () => {
  expect(graphicsUse([])).toBeUndefined();
  expect(graphicsUse([{ memoryTotal: null, memoryUsed: null }, { utilizationGpu: 50 }])).toBeUndefined();
  expect(
    graphicsUse([
      { memoryTotal: 8_000, memoryUsed: 2_000, utilizationGpu: 70 },
      { memoryTotal: 1_000, memoryUsed: 900 },
    ]),
  ).toEqual({ use: 70, memory: 90 });
});

it('the time that engines say they used adds up, also over those that are gone', () => {
  const heard: EngineProcessEvents[] = [];
  const passed: unknown[] = [];
  const { engines, cpuMs } = countEngines({
    spawn: (on) => {
      heard.push(on);
      return { pid: 1, send: () => {}, kill: () => {} };
    },
  });
  for (let i = 0; i < 2; i++) engines.spawn({ message: (event) => passed.push(event), exited: () => {} });
  const usage = { type: 'usage', windowMs: 400, cpuMs: 100, othersCores: 0 } as const;
  heard[0]?.message(usage);
  heard[0]?.exited({ code: 0, signal: null, stderrTail: '' });
  heard[1]?.message(usage);
  heard[1]?.message({ type: 'up' });
  expect(cpuMs()).toBe(200);
  expect(passed).toEqual([usage, usage, { type: 'up' }]);
});
