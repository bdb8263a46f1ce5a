/**
 * From a request's options to what the sampler is told before each token. The random number of a token depends on
 * (seed, position) alone: the generator is started anew for every token from a hash of both, so a resumed run draws the
 * numbers that the undisturbed one would have drawn.
 */
import type { NativeGrammarState, SamplerConfig } from './native.js';
import type { RunOptions } from './messages.js';

/** What is used where a request says nothing: the values llama.cpp's own programs start from. */
export const samplingDefaults = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05, repeatPenalty: 1 } as const;

/** How many of the latest tokens a repeat penalty looks at. */
export const repeatPenaltyWindow = 64;

/** A 32-bit hash of (seed, position): two rounds of the finaliser of MurmurHash3. */
export function seedAt(seed: number, position: number): number {
  const mix = (value: number): number => {
    let h = value | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  };
  const [low, high] = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  return mix(mix(low ^ mix(high)) + Math.imul(position, 0x9e3779b1)) >>> 0;
}

/**
 * @param position index of the token in the whole answer, the resumed part included
 * @param recent prompt and answer so far; only its end is looked at, and only with a repeat penalty
 */
export function samplerConfig(
  options: RunOptions,
  seed: number,
  position: number,
  recent: readonly number[],
  grammar: NativeGrammarState | undefined,
): SamplerConfig {
  const repeatPenalty = options.repeatPenalty ?? samplingDefaults.repeatPenalty;
  return {
    temperature: options.temperature ?? samplingDefaults.temperature,
    topK: options.topK ?? samplingDefaults.topK,
    topP: options.topP ?? samplingDefaults.topP,
    minP: options.minP ?? samplingDefaults.minP,
    seed: seedAt(seed, position),
    ...(repeatPenalty === 1
      ? {}
      : {
          repeatPenalty,
          repeatPenaltyMaxTokens: repeatPenaltyWindow,
          repeatPenaltyTokens: Uint32Array.from(recent.slice(-repeatPenaltyWindow)),
        }),
    ...(grammar === undefined ? {} : { grammarEvaluationState: grammar }),
  };
}
