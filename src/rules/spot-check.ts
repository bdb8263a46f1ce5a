/**
 * Whether a text that is claimed to be a model's answer is likely to be one. The model's log-probability of each claimed token is
 * compared with that of the token which it would have picked there itself: of an honest answer both are drawn from one
 * distribution, so that the mean difference is zero but for chance.
 *
 * Invariants: what is no more unlikely than the model's own picks is never called improbable; the less likely a text, the sooner it is.
 */
import type { Weighing } from '../protocol/run.js';

export const spotCheckRules = {
  /** Of fewer tokens nothing can be said. */
  minTokens: 8,
  /** In nats a token. Machines round differently, and a text cut into other tokens than it was made of is a little less likely. */
  slack: 0.5,
  /** Standard errors of the mean difference: by chance alone one honest answer in some 30,000 is farther off. */
  errors: 4,
  /** Log-probability of the end, below which an answer is taken to have been cut: one in 10,000. */
  minEndLogProb: Math.log(1e-4),
} as const;

/** Good, or what is wrong. */
export type SpotCheckVerdict = 'valid' | 'too_short' | 'improbable' | 'cut_short';

/** What `inference_result` says of it. */
export interface SpotCheck {
  readonly meanLogProb: number;
  readonly tokens: number;
  readonly verdict: SpotCheckVerdict;
}

export const spotCheckOf = (weighing: Weighing): SpotCheck => ({
  meanLogProb: Math.round(1_000 * weighing.meanLogProb) / 1_000,
  tokens: weighing.tokens,
  verdict: verdictOn(weighing),
});

function verdictOn({ tokens, meanLogProb, ownMeanLogProb, deviation, endLogProb }: Weighing): SpotCheckVerdict {
  const { minTokens, slack, errors, minEndLogProb } = spotCheckRules;
  if (tokens < minTokens) return 'too_short';
  if (ownMeanLogProb - meanLogProb > slack + (errors * deviation) / Math.sqrt(tokens)) return 'improbable';
  return endLogProb !== undefined && endLogProb < minEndLogProb ? 'cut_short' : 'valid';
}
