/**
 * How much of this machine others use (docs/rules.md, Health). Every sample reads Node's counters and the container's
 * limits, which takes well under a millisecond; once a minute, or less often if it is expensive, systeminformation
 * makes a survey.
 */
import { freemem, loadavg, totalmem } from 'node:os';
import process from 'node:process';
import { machineUse, memoryUse, nothingUsed, type MachineReading } from '../../rules/machine-use.js';
import type { Clock } from '../../runtime/clock.js';
import { memoryLimits, usableCores, type MemoryLimits } from '../../runtime/container-limits.js';
import { readProcessorTimes } from '../../runtime/processor-times.js';
import { createThreadPool } from '../../runtime/thread-pool.js';
import type { Survey, SurveyTask } from './machine-survey.js';
import type { EnginePort } from '../ports.js';
import type { MachineSample } from '../worker/worker-ports.js';

export const minSurveyGapMs = 60_000;
/** A survey is repeated only after this many times its own duration, so it takes at most 0.2 % of a core. */
export const surveyGapFactor = 500;
export const maxSurveyGapMs = 900_000;

/** Wraps the engines to count the CPU time that all of them have used so far, which is ours. */
export function countEngines(engines: EnginePort): { readonly engines: EnginePort; readonly cpuMs: () => number } {
  let cpuMs = 0;
  return {
    cpuMs: () => cpuMs,
    engines: {
      spawn: (on) =>
        engines.spawn({
          ...on,
          message: (event) => {
            if (event.type === 'usage') cpuMs += event.cpuMs;
            on.message(event);
          },
        }),
    },
  };
}

export interface MachineLoadOptions {
  readonly clock: Clock;
  readonly engineCpuMs: () => number;
  /** Whether the usage of this worker and its engines counts as others' usage. */
  readonly countsOwn: boolean;
  /** Default: this machine. */
  readonly machine?: MachinePort;
}

/** The machine itself. */
export interface MachinePort {
  /** `ownMs` is of this process alone. */
  read(): Omit<MachineReading, 'atMs'>;
  memory(): { readonly totalBytes: number; readonly freeBytes: number; readonly limits: MemoryLimits };
  survey(task: SurveyTask): Promise<Survey>;
}

/** @returns a function that samples the time since its last call. `isResting`: no engine of ours is computing. */
export function machineLoad(options: MachineLoadOptions): (isResting: boolean) => MachineSample {
  const { clock, engineCpuMs, countsOwn, machine = thisMachine() } = options;
  const surveyor = new Surveyor(clock, (task) => machine.survey(task));
  const read = (): MachineReading => {
    const own = machine.read();
    return { ...own, atMs: clock.monotonicMs(), ownMs: own.ownMs + engineCpuMs() };
  };
  let last = { reading: read(), use: nothingUsed };
  return (isResting) => {
    const reading = read();
    const use = machineUse(last, reading, countsOwn);
    last = { reading, use };
    const { reclaimableBytes, swapUsedBytes, battery, graphics } = surveyor.latest(isResting);
    const { totalBytes, freeBytes, limits } = machine.memory();
    const memory = memoryUse({
      totalBytes: Math.min(totalBytes, limits.limitBytes),
      availableBytes: Math.min(freeBytes + reclaimableBytes, limits.availableBytes),
      swapUsedBytes: limits.limitBytes < totalBytes ? limits.swapUsedBytes : swapUsedBytes,
    });
    return {
      cpu: Math.max(use.cpu, graphics?.use ?? 0),
      memory: Math.max(memory, graphics?.memory ?? 0),
      load: use.load,
      battery,
      busyShare: use.busyShare,
    };
  };
}

/**
 * Surveys from time to time, when asked for the latest result. A graphics card's usage cannot be attributed to
 * programs: it counts as others' only while our engines are at rest, and otherwise keeps the value from then.
 */
class Surveyor {
  readonly #clock: Clock;
  readonly #survey: (task: SurveyTask) => Promise<Survey>;
  #latest: Survey = { reclaimableBytes: 0, swapUsedBytes: 0, battery: undefined, graphics: undefined };
  #dueMs = -Infinity;
  /** True until a survey finds none. */
  #hasGraphics = true;
  /** Whether our engines have been at rest since the running survey began. */
  #rested = true;

  constructor(clock: Clock, survey: (task: SurveyTask) => Promise<Survey>) {
    this.#clock = clock;
    this.#survey = survey;
  }

  latest(isResting: boolean): Survey {
    this.#rested &&= isResting;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#dueMs) return this.#latest;
    this.#dueMs = Infinity; // until it returns
    this.#rested = isResting;
    this.#survey({ graphics: this.#hasGraphics }).then(
      (survey) => this.#take(survey, nowMs),
      () => this.#rest(maxSurveyGapMs), // on this machine, only what Node knows is available
    );
    return this.#latest;
  }

  #take(survey: Survey, startedMs: number): void {
    const { graphics } = survey;
    const useBefore = this.#latest.graphics?.use ?? 0;
    this.#hasGraphics = graphics !== undefined;
    this.#latest = { ...survey, graphics: graphics && { ...graphics, use: this.#rested ? graphics.use : useBefore } };
    this.#rest(Math.max(minSurveyGapMs, surveyGapFactor * (this.#clock.monotonicMs() - startedMs)));
  }

  #rest(gapMs: number): void {
    this.#dueMs = this.#clock.monotonicMs() + Math.min(maxSurveyGapMs, gapMs);
  }
}

function thisMachine(): MachinePort {
  const pool = createThreadPool<SurveyTask, Survey>({
    entry: new URL('./machine-survey.js', import.meta.url),
    maxThreads: 1,
  });
  return {
    read: () => ({
      ...readProcessorTimes(),
      usableCores: usableCores(),
      loadAverage: process.platform === 'win32' ? undefined : loadavg()[0],
    }),
    memory: () => ({ totalBytes: totalmem(), freeBytes: freemem(), limits: memoryLimits() }),
    survey: (task) => pool.run(task),
  };
}
