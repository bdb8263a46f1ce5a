/**
 * The commands of messages.ts, carried out on one loaded model. Runs inside the inference thread; every failure of a run
 * becomes that run's `failed`, and nothing a run does ends the others.
 */
import type { Clock } from '../runtime/clock.js';
import type { Random } from '../runtime/random.js';
import { EventGather } from './event-gather.js';
import { plainMessage, RunFailure } from './failure.js';
import { LoadMeter } from './load-meter.js';
import type { EngineCommand, EngineEvent, FinishReason, LoadOptions } from './messages.js';
import { loadEngine, type Engine } from './model.js';
import { prepareRun } from './prepare-run.js';
import type { Run } from './run.js';
import { Scheduler } from './scheduler.js';
import { TokenOutlet } from './token-outlet.js';

type RunCommand = Extract<EngineCommand, { type: 'run' }>;

export class Inference {
  readonly #events: EventGather;
  readonly #clock: Clock;
  readonly #random: Random;
  #engine: Engine | undefined;
  #loading: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();
  #scheduler: Scheduler | undefined;
  /** Runs that are being prepared, so that a cancel finds them. At most one per slot. */
  readonly #preparing = new Map<number, { readonly slot: number; readonly cancel: AbortController }>();

  constructor(send: (events: readonly EngineEvent[]) => void, clock: Clock, random: Random) {
    this.#events = new EventGather(send);
    this.#clock = clock;
    this.#random = random;
  }

  /** Every command but `stop`, which is `stop()`. */
  command(command: Exclude<EngineCommand, { type: 'stop' }>): void {
    switch (command.type) {
      case 'load':
        this.#loading = this.#load(command);
        break;
      case 'run':
        void this.#run(command);
        break;
      case 'cancel':
        this.#preparing.get(command.run)?.cancel.abort();
        this.#scheduler?.cancel(command.run);
        break;
      case 'threads':
        this.#scheduler?.setThreads(command.threads);
        break;
    }
  }

  /** Cancels all, waits until nothing is being computed, frees the model. */
  async stop(): Promise<void> {
    for (const { cancel } of this.#preparing.values()) cancel.abort();
    this.#stopping.abort();
    await this.#loading;
    await this.#scheduler?.stop();
    await this.#engine?.dispose();
  }

  async #load(options: LoadOptions): Promise<void> {
    try {
      if (this.#engine !== undefined) throw new Error('this engine holds a model already');
      const progress = (share: number): void => this.#emit({ type: 'load_progress', share });
      const engine = await loadEngine(options, this.#clock, progress, this.#stopping.signal);
      this.#engine = engine;
      const meter = new LoadMeter(this.#clock, (usage) => this.#emit(usage));
      this.#scheduler = new Scheduler(engine.context, options.slots, this.#clock, {
        started: (run, reused) => this.#emit({ type: 'started', run: run.id, promptTokens: run.promptTokens, reused }),
        prefill: (run, done) => this.#emit({ type: 'prefill', run: run.id, done, total: run.prefillTokens }),
        ended: (run, reason) => this.#endedRun(run, reason),
        failed: (run, error) =>
          this.#emit({ type: 'failed', run: run.id, code: 'slot_failed', message: plainMessage(error) }),
        computed: () => this.#events.hold(),
        advanced: () => this.#events.release(),
        computing: (isComputing) => meter.computing(isComputing),
      });
      this.#emit({ type: 'loaded', model: engine.info });
    } catch (error) {
      this.#emit({ type: 'load_failed', message: plainMessage(error) });
    }
  }

  async #run({ run: id, slot, reuse, request }: RunCommand): Promise<void> {
    const cancel = new AbortController();
    try {
      const [engine, scheduler] = [this.#engine, this.#scheduler];
      if (engine === undefined || scheduler === undefined) throw new RunFailure('slot_failed', 'no model is loaded');
      if (!(slot >= 0 && slot < engine.info.slots)) throw new RunFailure('slot_failed', `there is no slot ${slot}`);
      if (scheduler.busy(slot) || [...this.#preparing.values()].some((other) => other.slot === slot))
        throw new RunFailure('slot_failed', `slot ${slot} has another run`);
      this.#preparing.set(id, { slot, cancel });
      const outlet = new TokenOutlet(this.#clock, (text, tokens) =>
        this.#emit({ type: 'tokens', run: id, text, tokens }),
      );
      const run = await prepareRun(engine, { id, slot, reuse, request }, outlet, this.#random, cancel.signal);
      if (!cancel.signal.aborted) scheduler.start(run);
    } catch (error) {
      if (cancel.signal.aborted) return;
      const code = error instanceof RunFailure ? error.code : 'slot_failed';
      this.#emit({ type: 'failed', run: id, code, message: plainMessage(error) });
    } finally {
      this.#preparing.delete(id);
      if (cancel.signal.aborted)
        this.#emit({ type: 'ended', run: id, promptTokens: 0, completionTokens: 0, finishReason: 'cancelled' });
    }
  }

  #emit(event: EngineEvent): void {
    this.#events.emit(event);
  }

  #endedRun({ id, promptTokens, completionTokens, toolCalls, weigher }: Run, reason: FinishReason): void {
    const ended = { type: 'ended', run: id, promptTokens, completionTokens } as const;
    if (weigher !== undefined) this.#emit({ ...ended, finishReason: reason, weighing: weigher.weighing });
    else if (toolCalls === undefined || reason === 'cancelled') this.#emit({ ...ended, finishReason: reason });
    else this.#emit({ ...ended, finishReason: 'tool_calls', toolCalls });
  }
}
