/**
 * Weighs a text that is claimed to be a model's answer: the probability the model gives each of its tokens, and the one it gives
 * the token it would have picked itself. If the text is the model's own, both come from the same distribution.
 */
import type { Weighing } from './messages.js';
import { leastLogProb, logProbs, type NativeContext, type NativeSampler, type SamplerConfig } from './native.js';

export interface WeigherSetup {
  /** Prompt and claimed text. */
  readonly tokens: readonly number[];
  readonly promptTokens: number;
  /** The sampling settings for the token at this index. */
  readonly configAt: (index: number) => SamplerConfig;
  readonly own: NativeSampler;
  readonly greedy: NativeSampler;
  /** Tokens that end an answer; none if it may have ended without one. */
  readonly endings: readonly number[];
}

export class Weigher {
  readonly #setup: WeigherSetup;
  readonly #claimed: number[] = [];
  readonly #picked: number[] = [];
  #endLogProb: number | undefined;

  constructor(setup: WeigherSetup) {
    this.#setup = setup;
  }

  /** Given the logits after the token at `index - 1`, weighs the token at `index`, or that the text ends there. */
  async weigh(context: NativeContext, logitsIndex: number, index: number): Promise<void> {
    const { tokens, own, greedy, endings, configAt } = this.#setup;
    const claimed = tokens[index];
    if (claimed === undefined) {
      if (endings.length === 0) return;
      const shares = await logProbs(context, logitsIndex, greedy, endings);
      const sum = shares.reduce((total, share) => total + Math.exp(share), 0);
      this.#endLogProb = Math.max(leastLogProb, Math.log(sum));
      return;
    }
    own.applyConfig(configAt(index));
    const pick = await context.sampleToken(logitsIndex, own);
    if (pick < 0) throw new Error('the model gave no next token');
    const [ofClaimed = NaN, ofPicked = NaN] = await logProbs(context, logitsIndex, greedy, [claimed, pick]);
    this.#claimed.push(ofClaimed);
    this.#picked.push(ofPicked);
  }

  get weighing(): Weighing {
    const differences = this.#claimed.map((logProb, at) => (this.#picked[at] ?? NaN) - logProb);
    const difference = mean(differences);
    return {
      tokens: this.#claimed.length,
      meanLogProb: mean(this.#claimed),
      ownMeanLogProb: mean(this.#picked),
      deviation: Math.sqrt(mean(differences.map((each) => (each - difference) ** 2))),
      ...(this.#endLogProb === undefined ? {} : { endLogProb: this.#endLogProb }),
    };
  }
}

const mean = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 0 : numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
