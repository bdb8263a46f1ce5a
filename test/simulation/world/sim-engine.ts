/**
 * An in-memory engine process on a virtual clock, behind the same port as the forked one and with the same message
 * contract. It counts, as the demo model does, so every answer is known in advance, and it can be made to die, hang or
 * refuse. A prompt with the word `deadly` kills it when it is read.
 */
import type { EngineEvent, EngineCommand } from '../../../src/engine/messages.js';
import type { EnginePort, EngineProcess, EngineProcessEvents } from '../../../src/actors/ports.js';
import { runCapabilities, type RunRequest } from '../../../src/protocol/run.js';
import type { Random } from '../../../src/runtime/random.js';
import type { Clock } from '../../../src/runtime/clock.js';

/** The answer to `count from N`, `tokens` tokens of it. @param step of the model that answers */
export const countFrom = (start: number, tokens: number, step = 1): string =>
  Array.from({ length: tokens }, (_, i) => `${start + step * (i + 1)}`).join(' ');

/** Each model counts by its own step, so that an answer reveals its model. */
export const stepOf = (model: string): number => (model.includes('evens') ? 2 : 1);

export interface SimEngineFaults {
  /** Chance that a process dies at any one token. */
  readonly deathPerToken: number;
  /** Chance that a process dies while it loads. */
  readonly deathAtLoad: number;
}

interface Run {
  readonly number: number;
  readonly slot: number;
  next: number;
  left: number;
  first: boolean;
  cancelled: boolean;
  readonly isDeadly: boolean;
}

const loadMs = 50;
const sliceMs = 10;
/** For the fastest machine. */
const tokenMs = 15;
const usageMs = 400;
const contextSize = 4_096;

export class SimEngines implements EnginePort {
  readonly processes: SimEngineProcess[] = [];
  /** Processes that died on their own, or hung. */
  deaths = 0;
  /** Cores that other programs of this machine keep busy. */
  othersCores = 0;
  #lastPid = 0;

  constructor(
    readonly clock: Clock,
    readonly random: Random,
    /** How many times slower it is than the fastest machine. */
    readonly slowness = 1,
    public faults: SimEngineFaults = { deathPerToken: 0, deathAtLoad: 0 },
  ) {}

  spawn(on: EngineProcessEvents): EngineProcess {
    const process = new SimEngineProcess(this, ++this.#lastPid, on, (gone) => {
      this.processes.splice(this.processes.indexOf(gone), 1);
    });
    this.processes.push(process);
    return process;
  }
}

export class SimEngineProcess implements EngineProcess {
  readonly #runs = new Map<number, Run>();
  #isGone = false;
  #isHung = false;
  #isReporting = false;
  #step = 1;
  /** The number of threads it was last told to use. */
  threads: number | undefined;

  constructor(
    readonly engines: SimEngines,
    readonly pid: number,
    readonly on: EngineProcessEvents,
    readonly gone: (process: SimEngineProcess) => void,
  ) {
    this.#later(5, () => this.#say({ type: 'up' }));
  }

  get runs(): number {
    return this.#runs.size;
  }

  send(command: EngineCommand): void {
    // As a message through IPC: never within the sender's own step.
    this.#later(0, () => this.#take(command));
  }

  kill(): void {
    this.die('SIGKILL');
  }

  /** As when native code aborts, or the kernel takes the memory back. */
  die(signal = 'SIGABRT'): void {
    if (this.#isGone) return;
    this.#isGone = true;
    if (signal === 'SIGABRT') this.engines.deaths++;
    this.gone(this);
    this.engines.clock.setTimeout(() => this.on.exited({ code: null, signal, stderrTail: '' }), 1);
  }

  /** It lives, and neither hears nor says anything any more. */
  hang(): void {
    this.#isHung = true;
    this.engines.deaths++;
  }

  #take(command: EngineCommand): void {
    switch (command.type) {
      case 'threads':
        this.threads = command.threads;
        return;
      case 'load':
        this.#step = stepOf(command.modelPath);
        if (this.engines.random.next() < this.engines.faults.deathAtLoad) return this.die();
        if (command.modelPath.includes('refused'))
          return this.#later(loadMs, () => this.#say({ type: 'load_failed', message: 'it is no model' }));
        return this.#later(loadMs, () =>
          this.#say({
            type: 'loaded',
            model: {
              contextSize,
              trainContextSize: contextSize,
              slots: command.slots,
              threads: 1,
              device: 'cpu',
              gpuLayers: 0,
              chatFormat: 'raw',
              capabilities: [...runCapabilities],
            },
          }),
        );
      case 'run':
        return this.#begin(command.run, command.slot, command.request);
      case 'cancel': {
        const run = this.#runs.get(command.run);
        if (run !== undefined) run.cancelled = true;
        return;
      }
      case 'stop':
        return this.#later(1, () => this.die('SIGTERM'));
      default:
    }
  }

  #begin(number: number, slot: number, request: RunRequest): void {
    if ([...this.#runs.values()].some((run) => run.slot === slot))
      throw new Error(`two runs in slot ${slot}: the worker gave one sequence to two requests`);
    const asked = request.prompt ?? request.messages?.at(-1)?.content ?? '';
    const said = request.resumeText ?? '';
    const start = Number(/from (\d+)/.exec(asked)?.[1] ?? 0);
    if (request.claimedText !== undefined) return this.#weigh(number, request.claimedText, start);
    const next = Number(/(\d+)$/.exec(said)?.[1] ?? start) + this.#step;
    const resumed = said === '' ? 0 : said.split(' ').length;
    const left = (request.options?.maxTokens ?? 16) - resumed;
    const run: Run = {
      number,
      slot,
      next,
      left,
      first: said === '',
      cancelled: false,
      isDeadly: asked.includes('deadly'),
    };
    this.#runs.set(number, run);
    if (!this.#isReporting) this.#reportUsage();
    this.#say({ type: 'started', run: number, promptTokens: asked.length, reused: 0 });
    this.#prefill(run, Math.ceil(asked.length / 64));
  }

  /** Each number that is not the one that it would have said itself is as good as impossible. */
  #weigh(run: number, claimed: string, start: number): void {
    const numbers = claimed.split(' ');
    const own = countFrom(start, numbers.length, this.#step).split(' ');
    const wrong = numbers.filter((number, i) => number !== own[i]).length / numbers.length;
    const meanLogProb = -20 * wrong;
    const deviation = 20 * Math.sqrt(wrong * (1 - wrong));
    this.#say({ type: 'started', run, promptTokens: 1, reused: 0 });
    const weighing = { tokens: numbers.length, meanLogProb, ownMeanLogProb: 0, deviation };
    this.#later(sliceMs * this.engines.slowness, () =>
      this.#say({ type: 'ended', run, finishReason: 'stop', promptTokens: 1, completionTokens: 0, weighing }),
    );
  }

  #reportUsage(): void {
    this.#isReporting = true;
    this.#later(usageMs, () => {
      this.#say({ type: 'usage', windowMs: usageMs, cpuMs: usageMs, othersCores: this.engines.othersCores });
      this.#isReporting = false;
      if (this.#runs.size > 0) this.#reportUsage();
    });
  }

  #prefill(run: Run, slices: number): void {
    this.#later(sliceMs * this.engines.slowness, () => {
      if (run.cancelled) return this.#end(run, 'cancelled', 0);
      this.#say({ type: 'prefill', run: run.number, done: 1, total: slices });
      if (slices > 1) return this.#prefill(run, slices - 1);
      if (run.isDeadly) return this.die();
      this.#decode(run, 0);
    });
  }

  #decode(run: Run, said: number): void {
    this.#later(tokenMs * this.engines.slowness, () => {
      if (this.engines.random.next() < this.engines.faults.deathPerToken) return this.die();
      if (run.cancelled) return this.#end(run, 'cancelled', said);
      if (run.left <= 0) return this.#end(run, 'length', said);
      this.#say({ type: 'tokens', run: run.number, text: `${run.first ? '' : ' '}${run.next}`, tokens: 1 });
      run.first = false;
      run.next += this.#step;
      run.left--;
      if (run.left <= 0) this.#end(run, 'length', said + 1);
      else this.#decode(run, said + 1);
    });
  }

  #end(run: Run, finishReason: 'length' | 'cancelled', completionTokens: number): void {
    this.#runs.delete(run.number);
    this.#say({ type: 'ended', run: run.number, finishReason, promptTokens: 1, completionTokens });
  }

  #say(event: EngineEvent): void {
    if (!this.#isGone) this.on.message(event);
  }

  #later(ms: number, act: () => void): void {
    this.engines.clock.setTimeout(() => {
      if (!this.#isGone && !this.#isHung) act();
    }, ms);
  }
}
