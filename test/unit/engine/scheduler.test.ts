/**
 * The scheduler over a llama.cpp that is checked at every call: it objects to positions that do not follow, to sequences that are
 * out of order, and to memory that is touched while it computes; and its next token depends on every token its sequence holds.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { FinishReason } from '../../../src/engine/messages.js';
import type { NativeContext, NativeSampler } from '../../../src/engine/native.js';
import { Run } from '../../../src/engine/run.js';
import { maxPassedOver, Scheduler } from '../../../src/engine/scheduler.js';
import { TokenOutlet } from '../../../src/engine/token-outlet.js';
import type { Clock } from '../../../src/runtime/clock.js';

const slots = 4;
const contextTokens = 2000;
const clock: Clock = {
  now: () => 0,
  monotonicMs: () => 0,
  setTimeout: () => 0,
  clearTimeout: () => {},
  onWake: () => () => {},
};
const sampler: NativeSampler = { applyConfig: () => {}, dispose: () => {} };

/** The model: what follows these tokens. */
const next = (tokens: readonly number[]): number => tokens.reduce((hash, token) => (hash * 31 + token) % 997, 7);
const answerTo = (prompt: readonly number[], length: number): number[] => {
  const tokens = [...prompt];
  while (tokens.length < prompt.length + length) tokens.push(next(tokens));
  return tokens.slice(prompt.length);
};

class FakeContext implements NativeContext {
  readonly cells = Array.from({ length: slots }, (): number[] => []);
  /** Tokens of each batch, by sequence. */
  readonly batches: Map<number, number>[] = [];
  failNext = false;
  #adds: { sequence: number; tokens: number[]; logits: number[] }[] = [];
  #logits: (readonly number[])[] = [];
  #computing = false;

  initBatch(): void {
    this.#idle();
    this.#adds = [];
    this.#logits = [];
  }

  addToBatch(sequence: number, first: number, tokens: Uint32Array, logitsAt: Uint32Array): Uint32Array {
    this.#idle();
    const cells = this.cells[sequence] ?? [];
    if (first !== cells.length) throw new Error(`position ${first} in a sequence of ${cells.length}`);
    if (this.#adds.some((add) => add.sequence >= sequence)) throw new Error(`sequence ${sequence} is out of order`);
    const indexes = [...logitsAt].map((at) => {
      this.#logits.push([...cells, ...tokens.slice(0, at + 1)]);
      return this.#logits.length - 1;
    });
    this.#adds.push({ sequence, tokens: [...tokens], logits: indexes });
    return Uint32Array.from(indexes);
  }

  async decodeBatch(): Promise<void> {
    this.#idle();
    this.#computing = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.#computing = false;
    if (this.failNext) {
      this.failNext = false;
      throw new Error('Eval has failed');
    }
    for (const { sequence, tokens } of this.#adds) this.cells[sequence]?.push(...tokens);
    this.batches.push(new Map(this.#adds.map(({ sequence, tokens }) => [sequence, tokens.length])));
  }

  async sampleToken(logitsIndex: number): Promise<number> {
    await Promise.resolve();
    return next(this.#logits[logitsIndex] ?? []);
  }

  disposeSequence(sequence: number): void {
    this.#idle();
    this.cells[sequence]?.splice(0);
  }

  removeTokenCellsFromSequence(sequence: number, start: number): boolean {
    this.#idle();
    this.cells[sequence]?.splice(start);
    return true;
  }

  getSequenceKvCacheMinPosition(): number {
    return 0;
  }

  setThreads(): void {
    this.#idle();
  }

  #idle(): void {
    if (this.#computing) throw new Error('memory touched while computing');
  }
}

interface Told {
  readonly how: FinishReason | 'failed';
  readonly answer: readonly number[];
  readonly reused: number;
}

class Bench {
  readonly context = new FakeContext();
  readonly computing: boolean[] = [];
  readonly #told = new Map<number, (told: Told) => void>();
  readonly #reused = new Map<number, number>();
  #id = 0;
  readonly scheduler = new Scheduler(this.context, slots, clock, {
    started: (run, reused) => this.#reused.set(run.id, reused),
    prefill: () => {},
    ended: (run, how) => this.#tell(run, how),
    computed: () => {},
    advanced: () => {},
    computing: (isComputing) => void this.computing.push(isComputing),
    failed: (run) => this.#tell(run, 'failed'),
  });

  start(slot: number, prompt: readonly number[], maxTokens: number, reuse = false): { run: Run; told: Promise<Told> } {
    const setup = {
      id: this.#id++,
      slot,
      reuse,
      promptTokens: prompt,
      resumedTokens: [],
      resumedText: '',
      repickedTokens: 0,
      seed: 1,
    };
    const run = new Run(
      {
        ...setup,
        options: { maxTokens },
        stops: [],
        contextSize: contextTokens,
        sampler,
        grammar: undefined,
        sieve: undefined,
        weigher: undefined,
      },
      { text: (tokens) => tokens.join(' '), continuation: () => [], ends: () => false },
      new TokenOutlet(clock, () => {}),
    );
    const told = new Promise<Told>((resolve) => this.#told.set(run.id, resolve));
    this.scheduler.start(run);
    return { run, told };
  }

  #tell(run: Run, how: Told['how']): void {
    const answer = run.tokens.slice(run.promptTokens);
    this.#told.get(run.id)?.({ how, answer, reused: this.#reused.get(run.id) ?? -1 });
    this.#told.delete(run.id); // a second call would be for nobody, and leave `told` of the next run waiting
  }
}

const prompt = (length: number, salt: number): number[] => Array.from({ length }, (_, i) => (i * 7 + salt) % 900);

describe('the scheduler', () => {
  it('gives every run the answer it would have had alone, whatever else runs, is cancelled or fails', async () => {
    const job = fc.record({
      slot: fc.nat(slots - 1),
      length: fc.integer({ min: 1, max: 300 }),
      salt: fc.nat(3),
      maxTokens: fc.integer({ min: 1, max: 20 }),
      reuse: fc.boolean(),
      cancelAfterTurns: fc.option(fc.nat(12)),
      failAfterTurns: fc.option(fc.nat(400)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 16 }), async (jobs) => {
        const bench = new Bench();
        const turns = async (n: number): Promise<void> => {
          for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
        };
        const lane = async (slot: number): Promise<void> => {
          for (const one of jobs.filter((each) => each.slot === slot)) {
            const asked = prompt(one.length, one.salt);
            const { run, told } = bench.start(slot, asked, one.maxTokens, one.reuse);
            if (one.cancelAfterTurns !== null)
              void turns(one.cancelAfterTurns).then(() => bench.scheduler.cancel(run.id));
            if (one.failAfterTurns !== null) void turns(one.failAfterTurns).then(() => (bench.context.failNext = true));
            const { how, answer, reused } = await told;
            const whole = answerTo(asked, one.maxTokens);
            expect(answer).toEqual(whole.slice(0, answer.length));
            if (how === 'length') expect(answer).toEqual(whole);
            else expect(['cancelled', 'failed']).toContain(how);
            if (!one.reuse) expect(reused).toBe(0);
          }
        };
        await Promise.all(Array.from({ length: slots }, (_, slot) => lane(slot)));
      }),
      { numRuns: 100 },
    );
  });

  it('takes the shortest prompt first, but starves none', async () => {
    const bench = new Bench();
    const long = bench.start(0, prompt(1500, 1), 1);
    let [shorts, done] = [0, false];
    const stream = async (): Promise<void> => {
      while (!done) await bench.start(1, prompt(100, shorts++), 1).told;
    };
    const others = stream();
    await long.told;
    done = true;
    await others;
    const slices = bench.context.batches.filter((batch) => [...batch.values()].some((tokens) => tokens > 1));
    const waits = slices
      .map((batch) => batch.has(0))
      .join(',')
      .split('true')
      .map((gap) => gap.split('false').length - 1);
    expect(Math.max(...waits)).toBeLessThanOrEqual(maxPassedOver);
    expect(shorts).toBeGreaterThan(2 * maxPassedOver);
  });

  it('lets running answers have a token before every slice', async () => {
    const bench = new Bench();
    const running = bench.start(0, prompt(3, 1), 60);
    await bench.start(1, prompt(600, 2), 1).told;
    await running.told;
    const turns = bench.context.batches.map((batch) => (batch.has(1) ? 'slice' : 'token'));
    expect(turns.join(' ')).not.toContain('slice slice');
  });

  it('stops when nothing is being computed any more, and every run was told', async () => {
    const bench = new Bench();
    const runs = [0, 1, 2].map((slot) => bench.start(slot, prompt(900, slot), 50));
    await bench.scheduler.stop();
    for (const { told } of runs) expect((await told).how).toBe('cancelled');
    await bench.scheduler.stop();
  });
});
