/**
 * Which tokens are computed together. A loop of steps: first every running answer's latest token, in one batch, and each of
 * them picks its next; then one slice of one prompt.
 *
 * Why not one batch for both: llama.cpp computes sequences with unequal numbers of tokens one after the other, so a mixed
 * batch saves nothing and gives the prompt an odd number of rows, which costs a sixth more. Why slices: a whole 500-token
 * prompt would stop the other streams for seconds. Which prompt: the one with the fewest tokens left, so that first
 * tokens come early; one that was passed over maxPassedOver times goes next, so none starves.
 *
 * The memory of sequences may only be touched between batches, while nothing is being computed. Runs are admitted,
 * threads changed and sequences truncated there. Invariant: `#held[slot]` is what the sequence of that slot holds, token by token.
 */
import type { Clock } from '../runtime/clock.js';
import type { FinishReason } from './messages.js';
import type { NativeContext } from './native.js';
import { PrefillPace } from './prefill-pace.js';
import { maxLogitsPerBatch, type Run } from './run.js';

/** How often shorter prompts may go ahead of one. */
export const maxPassedOver = 24;

export interface SchedulerEvents {
  started(run: Run, reused: number): void;
  prefill(run: Run, done: number): void;
  /** The run is over and will not be mentioned again. */
  ended(run: Run, reason: FinishReason): void;
  failed(run: Run, error: unknown): void;
  /** A batch was computed. Events until `advanced` belong together. */
  computed(): void;
  advanced(): void;
  /** The scheduler starts or stops having work. */
  computing(isComputing: boolean): void;
}

/** What a batch computes for one run. */
interface Share {
  readonly run: Run;
  readonly tokens: readonly number[];
  /** Where the logits of its last tokens will be; none in the middle of a prompt. Set once the batch is made. */
  logits?: Uint32Array;
}

export class Scheduler {
  readonly #context: NativeContext;
  readonly #on: SchedulerEvents;
  readonly #clock: Clock;
  readonly #pace = new PrefillPace();
  readonly #held: number[][];
  readonly #running = new Map<number, Run>();
  /** Actions that wait until nothing is being computed: at most one per slot and command. */
  #betweenBatches: (() => void)[] = [];
  #looping = false;
  #idle: (() => void)[] = [];

  constructor(context: NativeContext, slots: number, clock: Clock, on: SchedulerEvents) {
    this.#context = context;
    this.#clock = clock;
    this.#on = on;
    this.#held = Array.from({ length: slots }, () => []);
  }

  /** Whether a slot has a run that is not over. */
  busy(slot: number): boolean {
    return [...this.#running.values()].some((run) => run.slot === slot);
  }

  start(run: Run): void {
    this.#running.set(run.id, run);
    this.#on.computing(true);
    this.#whenNothingComputes(() => this.#admit(run));
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
    this.#whenNothingComputes(() => this.#context.setThreads(threads));
  }

  #whenNothingComputes(action: () => void): void {
    this.#betweenBatches.push(action);
    if (!this.#looping) void this.#loop();
  }

  async #loop(): Promise<void> {
    this.#looping = true;
    while (this.#takeIn()) {
      await this.#batch(this.#latestTokens());
      if (this.#takeIn()) await this.#slice();
    }
    this.#looping = false;
    this.#on.computing(false);
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Runs the waiting actions and ends cancelled runs. Returns whether anything is left to compute. */
  #takeIn(): boolean {
    for (const action of this.#betweenBatches.splice(0)) action();
    for (const run of [...this.#running.values()]) if (run.cancelled) this.#end(run, 'cancelled');
    return this.#running.size > 0;
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
    const last = Math.min(held.length, run.logitsFrom); // logits exist only for tokens computed now
    let same = 0;
    while (same < last && held[same] === run.tokens[same]) same++;
    if (same === 0 || this.#context.getSequenceKvCacheMinPosition(run.slot) > 0) return this.#forget(run.slot);
    return this.#cut(run.slot, same) ? same : this.#forget(run.slot);
  }

  /** Truncates a sequence; false, and no change, if the model's memory cannot do that. */
  #cut(slot: number, length: number): boolean {
    const held = this.#heldBy(slot);
    if (length < held.length && !this.#context.removeTokenCellsFromSequence(slot, length, -1)) return false;
    held.length = Math.min(held.length, length);
    return true;
  }

  #forget(slot: number): number {
    this.#context.disposeSequence(slot);
    this.#heldBy(slot).length = 0;
    return 0;
  }

  /** In slot order: llama.cpp computes neighbouring sequences together, and any out of order separately, in twice the time. */
  #latestTokens(): Share[] {
    return [...this.#running.values()]
      .filter((run) => this.#left(run) === 1)
      .sort((a, b) => a.slot - b.slot)
      .map((run) => ({ run, tokens: run.tokens.slice(-1) }));
  }

  async #slice(): Promise<void> {
    const waiting = [...this.#running.values()].filter((run) => this.#left(run) > 1);
    const [first, ...others] = waiting.sort(
      (a, b) =>
        Number(b.passedOver >= maxPassedOver) - Number(a.passedOver >= maxPassedOver) || this.#left(a) - this.#left(b),
    );
    if (first === undefined) return;
    first.passedOver = 0;
    for (const other of others) other.passedOver++;
    const start = this.#heldBy(first.slot).length;
    const end = Math.min(start + this.#pace.sliceTokens, Math.max(start, first.logitsFrom) + first.logitsPerBatch);
    const tokens = first.tokens.slice(start, end);
    const startMs = this.#clock.monotonicMs();
    await this.#batch([{ run: first, tokens }]);
    this.#pace.measured(tokens.length, this.#clock.monotonicMs() - startMs);
  }

  /** How many of a run's tokens are not in its sequence yet. */
  #left(run: Run): number {
    return run.tokens.length - this.#heldBy(run.slot).length;
  }

  async #batch(shares: readonly Share[]): Promise<void> {
    if (shares.length === 0) return;
    let picks: readonly Promise<number | undefined>[];
    try {
      picks = await this.#compute(shares);
    } catch (error) {
      for (const { run } of shares) {
        this.#forget(run.slot);
        this.#fail(run, error);
      }
      return;
    }
    this.#on.computed();
    await Promise.all(shares.map((share, at) => this.#advance(share, picks[at])));
    this.#on.advanced();
  }

  /** Computes a batch and picks the next token of each run in it. */
  async #compute(shares: readonly Share[]): Promise<readonly Promise<number | undefined>[]> {
    this.#context.initBatch(shares.reduce((sum, { tokens }) => sum + tokens.length, 0));
    for (const share of shares) {
      const { run, tokens } = share;
      const held = this.#heldBy(run.slot);
      const [all, wanted] = [Uint32Array.from(tokens.keys()), Math.max(0, run.logitsFrom - held.length)];
      share.logits = this.#context.addToBatch(run.slot, held.length, Uint32Array.from(tokens), all.subarray(wanted));
    }
    // Queued together on the one native thread: waiting for the batch before asking for the picks would cost a round trip.
    const computed = this.#context.decodeBatch();
    const picks = shares.map((share) => this.#pick(share));
    await Promise.allSettled([computed, ...picks]);
    await computed;
    for (const { run, tokens } of shares) this.#heldBy(run.slot).push(...tokens);
    return picks;
  }

  /** Picks the run's next token, if that is all its share of the batch is for. */
  async #pick({ run, tokens, logits }: Share): Promise<number | undefined> {
    const next = this.#heldBy(run.slot).length + tokens.length;
    const [logitsIndex, ...more] = logits ?? [];
    if (logitsIndex === undefined || more.length > 0 || next < run.tokens.length || run.weigher !== undefined)
      return undefined;
    return this.#sample(run, next, logitsIndex);
  }

  #sample(run: Run, index: number, logitsIndex: number): Promise<number> {
    run.sampler.applyConfig(run.samplerConfig(index));
    return this.#context.sampleToken(logitsIndex, run.sampler);
  }

  async #advance({ run, logits = new Uint32Array(0) }: Share, pick?: Promise<number | undefined>): Promise<void> {
    const evaluated = this.#heldBy(run.slot).length;
    if (evaluated <= run.prefillTokens) this.#on.prefill(run, evaluated);
    const first = evaluated - logits.length + 1;
    try {
      for (const [at, logitsIndex] of logits.entries())
        if (run.cancelled || !(await this.#look(run, first + at, logitsIndex, pick))) return;
      run.logitsPerBatch = Math.min(2 * run.logitsPerBatch, maxLogitsPerBatch);
    } catch (error) {
      this.#fail(run, error);
    }
  }

  /** Uses the logits for the token at `index`. Returns whether the logits after them are still valid. */
  async #look(run: Run, index: number, logitsIndex: number, pick?: Promise<number | undefined>): Promise<boolean> {
    const isNext = index === run.tokens.length;
    if (run.weigher !== undefined) {
      await run.weigher.weigh(this.#context, logitsIndex, index);
      if (isNext) this.#end(run, 'stop');
      return true;
    }
    const over = isNext ? run.resumed() : undefined;
    if (over !== undefined) return this.#end(run, over);
    const token = (await pick) ?? (await this.#sample(run, index, logitsIndex));
    if (run.cancelled) return false;
    if (token < 0) throw new Error('the model gave no next token');
    const isOther = !isNext && run.repick(index, token, () => this.#cut(run.slot, index));
    const reason = isNext ? run.accept(token) : run.over;
    return reason === undefined ? !isOther : this.#end(run, reason);
  }

  /** Returns false, so that `#look` stops. */
  #end(run: Run, reason: FinishReason): false {
    this.#running.delete(run.id);
    run.finish();
    this.#on.ended(run, reason);
    return false;
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
