/**
 * The part of node-llama-cpp below its public API that the engine drives itself: one batch a step, composed by our own
 * scheduler (scheduler.ts) instead of the library's queue. That gives what the public API cannot: separate batches for prompts
 * and decodes, in our order; random numbers that depend on (seed, position) alone; and 0.5 ms less bookkeeping per token.
 * The price is a dependency on these members, so the package is pinned to an exact version, and `nativeContextOf` refuses
 * a build that lacks one of them rather than fail in the middle of a request.
 *
 * Native work off the engine's thread runs on libuv's pool, which has one thread in an engine process
 * (actors/engine-process.ts). So it runs in order, and a token can be asked for before its batch is computed.
 */
import process from 'node:process';

import type { Llama, LlamaContext, LlamaGrammar, LlamaModel } from 'node-llama-cpp';

/** llama.cpp's context: memory for S sequences, and one batch at a time. Every call but `decodeBatch` is immediate. */
export interface NativeContext {
  /** Starts a new batch of at most `tokens` tokens. */
  initBatch(tokens: number): void;
  /** Adds tokens at consecutive positions, with logits wanted for the indexes `logitsAt`. Returns where these will be. */
  addToBatch(sequence: number, firstPosition: number, tokens: Uint32Array, logitsAt: Uint32Array): Uint32Array;
  /** Computes the batch, off this thread. Work off this thread is done in the order in which it was requested. */
  decodeBatch(): Promise<void>;
  /** Picks a token from the logits at `logitsIndex`, off this thread; -1 if there is none to pick. */
  sampleToken(logitsIndex: number, sampler: NativeSampler): Promise<number>;
  /** Forgets all of a sequence. */
  disposeSequence(sequence: number): void;
  /** Forgets positions `[start, end)`; false where the model's memory cannot do that in part. */
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  /** The first position still held; more than 0 where a sliding window has dropped the start; -1 when empty. */
  getSequenceKvCacheMinPosition(sequence: number): number;
  setThreads(threads: number): void;
}

/** Opaque. */
export type NativeGrammarState = object;

/** A sampler's settings for one token. An absent field switches its stage off. */
export interface SamplerConfig {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  /** A seed that differs from the last one restarts the generator. */
  readonly seed: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyMaxTokens?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly grammarEvaluationState?: NativeGrammarState;
}

export interface NativeSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

interface NativeBindings {
  readonly AddonSampler: {
    new (model: object): NativeSampler;
    canBeNextTokenForGrammarEvaluationState(state: NativeGrammarState, token: number): boolean;
    acceptGrammarEvaluationStateToken(state: NativeGrammarState, token: number): void;
  };
  readonly AddonGrammarEvaluationState: new (
    ...of: [model: object, grammar: object] | [copied: NativeGrammarState]
  ) => NativeGrammarState;
}

/** The members of the library's objects that lead to the native ones. */
interface Internals {
  readonly _ctx: NativeContext;
  readonly _model: object;
  readonly _grammar: object;
  readonly _bindings: NativeBindings;
}

const contextMembers = [
  'initBatch',
  'addToBatch',
  'decodeBatch',
  'sampleToken',
  'disposeSequence',
  'removeTokenCellsFromSequence',
  'getSequenceKvCacheMinPosition',
  'setThreads',
] as const satisfies readonly (keyof NativeContext)[];

function member<K extends keyof Internals>(object: object, name: K): Internals[K] {
  const value = (object as Partial<Internals>)[name];
  if (value === undefined)
    throw new Error(`this build of node-llama-cpp has no ${name}; install the version that package.json pins`);
  return value;
}

export function nativeContextOf(context: LlamaContext): NativeContext {
  if (process.env.UV_THREADPOOL_SIZE !== '1') throw new Error('an engine is started with UV_THREADPOOL_SIZE=1');
  const native = member(context, '_ctx');
  const missing = contextMembers.find((name) => typeof native[name] !== 'function');
  if (missing !== undefined)
    throw new Error(`this build of node-llama-cpp has no ${missing}; install the version that package.json pins`);
  return native;
}

/** A sampler has state (its generator, its grammar), and memory that lasts until it is collected (samplers.ts). */
export function newSampler(llama: Llama, model: LlamaModel): NativeSampler {
  return new (member(llama, '_bindings').AddonSampler)(member(model, '_model'));
}

/** A grammar's state after the tokens so far. A sampler configured with `native` advances it by the token it picks. */
export class GrammarState {
  readonly #bindings: NativeBindings;
  readonly native: NativeGrammarState;

  private constructor(bindings: NativeBindings, native: NativeGrammarState) {
    this.#bindings = bindings;
    this.native = native;
  }

  static beginningOf(llama: Llama, model: LlamaModel, grammar: LlamaGrammar): GrammarState {
    const bindings = member(llama, '_bindings');
    const { AddonGrammarEvaluationState } = bindings;
    const native = new AddonGrammarEvaluationState(member(model, '_model'), member(grammar, '_grammar'));
    return new GrammarState(bindings, native);
  }

  clone(): GrammarState {
    return new GrammarState(this.#bindings, new this.#bindings.AddonGrammarEvaluationState(this.native));
  }

  /** Advances by a token picked elsewhere; false, and no change, if the grammar forbids it. */
  advance(token: number): boolean {
    const { AddonSampler } = this.#bindings;
    if (!AddonSampler.canBeNextTokenForGrammarEvaluationState(this.native, token)) return false;
    AddonSampler.acceptGrammarEvaluationStateToken(this.native, token);
    return true;
  }
}

/** The same `sampleToken`, asked for logits besides. */
interface LogitsSource {
  sampleToken(
    logitsIndex: number,
    sampler: NativeSampler,
    probabilities: false,
    confidence: false,
    logits: readonly [tokens: readonly number[], max: boolean, min: boolean, picked: boolean, top: number],
    totalWeight: true,
  ): Promise<readonly [picked: number, unknown, unknown, logits: readonly number[], totalWeight: number]>;
}

/** Makes a sampler pick the likeliest token. */
export const greedyConfig: SamplerConfig = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };

/** Stands for the logarithm of 0, which JSON cannot carry. */
export const leastLogProb = -100;

/**
 * Natural logarithms of the probabilities that the model, before any sampling, gives to these tokens.
 * @param greedy a sampler with `greedyConfig`: its pick has the highest logit, to which the total is relative
 */
export async function logProbs(
  context: NativeContext,
  logitsIndex: number,
  greedy: NativeSampler,
  tokens: readonly number[],
): Promise<number[]> {
  const source = context as unknown as LogitsSource;
  const wanted = [[...new Set(tokens)], false, false, true, 0] as const;
  const [picked, , , pairs, total] = await source.sampleToken(logitsIndex, greedy, false, false, wanted, true);
  const logits = new Map<number, number>();
  for (let i = 0; i + 1 < pairs.length; i += 2) logits.set(pairs[i] ?? -1, pairs[i + 1] ?? -Infinity);
  const max = logits.get(picked) ?? NaN;
  return tokens.map((token) => Math.max(leastLogProb, (logits.get(token) ?? -Infinity) - max - Math.log(total)));
}
