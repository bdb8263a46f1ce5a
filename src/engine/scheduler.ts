/**
 * Which tokens are computed together. One loop of steps: every running answer gives its latest token, prompts give
 * slices, all of it is one batch, and whoever had its last token in it picks the next one.
 *
 * Why slices, and why in the same batch as decodes: a whole 500-token prompt would stop the other streams for seconds, and a
 * batch that is wide already takes the decodes along for nearly nothing. Prompts take turns, so a long one delays
 * a short one by a slice, not by its length.
 *
 * Memory of sequences may only be touched between steps, while nothing is being computed: runs are taken in, threads
 * changed and sequences cut there. Invariant: `#held[slot]` is what the sequence of that slot holds, token by token.
 */
import type { FinishReason } from './messages.js';
import type { NativeContext } from './native.js';
import type { Run } from './run.js';

/** A cancel acts within one slice, and other streams wait for at most this many tokens more (docs/adr: measured 32, 64, 128). */
export const PREFILL_SLICE_TOKENS = 64;

export interface SchedulerEvents {
  started(run: Run, reused: number): void;
  prefill(run: Run, done: number): void;
  /** The run is over and will not be mentioned again. */
  ended(run: Run, reason: FinishReason): void;
  failed(run: Run, error: unknown): void;
}

/** What a step computes for one run. */
interface Share {
  readonly run: Run;
  readonly tokens: readonly number[];
  /** Where its logits will be, once the batch is made; undefined while its prompt is not through. */
  logitsIndex?: number | undefined;
}

export class Scheduler {
  readonly #context: NativeContext;
  readonly #on: SchedulerEvents;
  readonly #held: number[][];
  readonly #running = new Map<number, Run>();
  /** What must wait for the end of a step: at most one entry per slot and command. */
  #betweenSteps: (() => void)[] = [];
  #looping = false;
  #idle: (() => void)[] = [];

  constructor(context: NativeContext, slots: number, on: SchedulerEvents) {
    this.#context = context;
    this.#on = on;
    this.#held = Array.from({ length: slots }, () => []);
  }

  /** Whether a slot has a run that is not over. */
  busy(slot: number): boolean {
    return [...this.#running.values()].some((run) => run.slot === slot);
  }

  start(run: Run): void {
    this.#running.set(run.id, run);
    this.betweenSteps(() => this.#admit(run));
  }

  cancel(id: number): void {
    const run = this.#running.get(id);
    if (run !== undefined) run.cancelled = true;
  }

  /** Cancels everything; resolves when nothing is being computed any more. */
  async stop(): Promise<void> {
    for (const run of this.#running.values()) run.cancelled = true;
    if (this.#looping) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  setThreads(threads: number): void {
    this.betweenSteps(() => this.#context.setThreads(threads));
  }

  /** Does it as soon as llama.cpp computes nothing. */
  betweenSteps(action: () => void): void {
    this.#betweenSteps.push(action);
    if (!this.#looping) void this.#loop();
  }

  async #loop(): Promise<void> {
    this.#looping = true;
    for (;;) {
      const actions = this.#betweenSteps;
      this.#betweenSteps = [];
      for (const action of actions) action();
      for (const run of [...this.#running.values()]) if (run.cancelled) this.#end(run, 'cancelled');
      if (this.#running.size > 0) await this.#step();
      else if (this.#betweenSteps.length === 0) break;
    }
    this.#looping = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Makes the sequence hold a prefix of the run's tokens. */
  #admit(run: Run): void {
    try {
      const reused = run.reuse ? this.#keepPrefix(run) : this.#forget(run.slot);
      this.#on.started(run, reused);
      if (run.over !== undefined) this.#end(run, run.over);
    } catch (error) {
      this.#fail(run, error);
    }
  }

  #keepPrefix(run: Run): number {
    const held = this.#heldBy(run.slot);
    const last = Math.min(held.length, run.tokens.length - 1); // at least one token must be computed, to have its logits
    let same = 0;
    while (same < last && held[same] === run.tokens[same]) same++;
    if (same === 0 || this.#context.getSequenceKvCacheMinPosition(run.slot) > 0) return this.#forget(run.slot);
    if (same < held.length && !this.#context.removeTokenCellsFromSequence(run.slot, same, -1))
      return this.#forget(run.slot);
    held.length = same;
    return same;
  }

  #forget(slot: number): number {
    this.#context.disposeSequence(slot);
    this.#heldBy(slot).length = 0;
    return 0;
  }

  async #step(): Promise<void> {
    const shares = this.#compose();
    try {
      await this.#compute(shares);
    } catch (error) {
      for (const { run } of shares) {
        this.#forget(run.slot);
        this.#fail(run, error);
      }
      return;
    }
    await Promise.all(shares.map((share) => this.#advance(share)));
  }

  /** Every run that only needs its latest token computed, and a slice of the prompt that waited longest. */
  #compose(): Share[] {
    const shares: Share[] = [];
    let slice: Share | undefined;
    for (const run of this.#running.values()) {
      const evaluated = this.#heldBy(run.slot).length;
      if (run.tokens.length - evaluated === 1) shares.push({ run, tokens: run.tokens.slice(evaluated) });
      else slice ??= { run, tokens: run.tokens.slice(evaluated, evaluated + PREFILL_SLICE_TOKENS) };
    }
    if (slice === undefined) return shares;
    this.#running.delete(slice.run.id); // to the end of the line
    this.#running.set(slice.run.id, slice.run);
    return [...shares, slice];
  }

  async #compute(shares: readonly Share[]): Promise<void> {
    this.#context.initBatch(shares.reduce((sum, { tokens }) => sum + tokens.length, 0));
    for (const share of shares) {
      const { run, tokens } = share;
      const held = this.#heldBy(run.slot);
      const isLast = held.length + tokens.length === run.tokens.length;
      const logitsAt = isLast ? Uint32Array.of(tokens.length - 1) : new Uint32Array(0);
      [share.logitsIndex] = this.#context.addToBatch(run.slot, held.length, Uint32Array.from(tokens), logitsAt);
    }
    await this.#context.decodeBatch();
    for (const { run, tokens } of shares) this.#heldBy(run.slot).push(...tokens);
  }

  async #advance({ run, logitsIndex }: Share): Promise<void> {
    const evaluated = this.#heldBy(run.slot).length;
    if (evaluated <= run.prefillTokens) this.#on.prefill(run, evaluated);
    if (logitsIndex === undefined || run.cancelled) return;
    try {
      run.sampler.applyConfig(run.samplerConfig());
      const token = await this.#context.sampleToken(logitsIndex, run.sampler);
      if (token < 0) throw new Error('the model gave no next token');
      const reason = run.accept(token);
      if (reason !== undefined) this.#end(run, reason);
    } catch (error) {
      this.#fail(run, error);
    }
  }

  #end(run: Run, reason: FinishReason): void {
    this.#running.delete(run.id);
    run.finish();
    this.#on.ended(run, reason);
  }

  #fail(run: Run, error: unknown): void {
    this.#running.delete(run.id);
    run.finish();
    this.#on.failed(run, error);
  }

  #heldBy(slot: number): number[] {
    const held = this.#held[slot];
    if (held === undefined) throw new Error(`there is no slot ${slot}`);
    return held;
  }
}
