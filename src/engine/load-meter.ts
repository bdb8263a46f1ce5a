/**
 * Measures how much processor time a computing engine and the machine's other programs use. Both are read here, at one
 * instant: the worker could read the machine itself, but its figures for this process would be some tenths of a second older,
 * and with all cores computing that is an error of a whole core.
 *
 * Costs nothing while the engine is idle: the first window begins with the first batch, and the last ends after the last.
 */
import type { Clock } from '../runtime/clock.js';
import { readProcessorTimes, type ProcessorTimes } from '../runtime/processor-times.js';
import type { EngineEvent } from './messages.js';

/** Two of these in a row must be seen and acted on well within 2 s (rules/pace.ts). */
export const usageWindowMs = 400;

export type Usage = Extract<EngineEvent, { readonly type: 'usage' }>;

export class LoadMeter {
  readonly #clock: Clock;
  readonly #report: (usage: Usage) => void;
  readonly #read: () => ProcessorTimes;
  #last: (ProcessorTimes & { readonly atMs: number }) | undefined;
  #isComputing = false;

  constructor(clock: Clock, report: (usage: Usage) => void, read = readProcessorTimes) {
    this.#clock = clock;
    this.#report = report;
    this.#read = read;
  }

  computing(isComputing: boolean): void {
    this.#isComputing = isComputing;
    if (isComputing && this.#last === undefined) this.#begin();
  }

  #begin(): void {
    this.#last = { ...this.#read(), atMs: this.#clock.monotonicMs() };
    this.#clock.setTimeout(() => this.#end(), usageWindowMs);
  }

  #end(): void {
    const before = this.#last;
    if (before === undefined) return;
    const now = this.#read();
    const cpuMs = now.ownMs - before.ownMs;
    const totalMs = Math.max(1, now.totalMs - before.totalMs);
    const others = Math.max(0, now.busyMs - before.busyMs - cpuMs) / totalMs;
    const windowMs = this.#clock.monotonicMs() - before.atMs;
    this.#report({ type: 'usage', windowMs, cpuMs, othersCores: others * now.cores });
    this.#last = undefined;
    if (this.#isComputing) this.#begin();
  }
}
