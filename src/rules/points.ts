/**
 * What a finished request is worth, in millipoints: three parts, each a function of facts in the receipt. Everything is a whole number,
 * so that every node and every language arrives at the same sum.
 */

/** Of a receipt and its order. */
export interface ScoredFacts {
  /** Of the prompt, in code points. */
  readonly promptChars: number;
  /** Of this answer, in code points. */
  readonly resultChars: number;
  readonly responseMs: number;
  readonly success: boolean;
}

export interface Score {
  readonly speed: number;
  readonly complexity: number;
  readonly quality: number;
  /** Their sum; 0 if the request failed. */
  readonly score: number;
}

/** The first row that fits applies; a slower response scores nothing for speed. */
export const speedRules = [
  { upToMs: 1_000, millipoints: 5_000 },
  { upToMs: 2_000, millipoints: 4_000 },
  { upToMs: 5_000, millipoints: 3_000 },
  { upToMs: 10_000, millipoints: 2_000 },
  { upToMs: 30_000, millipoints: 1_000 },
] as const;

/** A point for every 50 code points of the prompt. */
export const complexityPerChar = 20;
export const maxComplexity = 3_000;

export const qualityOfSuccess = 1_000;
export const qualityPerChar = 5;
export const maxQualityOfLength = 1_000;

export function scoreOf({ promptChars, resultChars, responseMs, success }: ScoredFacts): Score {
  const speed = speedRules.find(({ upToMs }) => responseMs <= upToMs)?.millipoints ?? 0;
  const complexity = atMost(maxComplexity, complexityPerChar, promptChars);
  const quality = success ? qualityOfSuccess + atMost(maxQualityOfLength, qualityPerChar, resultChars) : 0;
  return { speed, complexity, quality, score: success ? speed + complexity + quality : 0 };
}

/** `min(max, factor * count)`, exact for any count below 2^53, since the product is never computed where it would be rounded. */
function atMost(max: number, factor: number, count: number): number {
  return count >= max / factor ? max : factor * count;
}
