/**
 * How long a slice of a prompt is: about SLICE_TARGET_MS of computing, since for that long the other streams stand still
 * and a cancel is not heard. A graphics card does thousands of tokens in that time, an old laptop 30, so the
 * length follows what was measured. Whole multiples of SLICE_UNIT_TOKENS: matrix kernels work on blocks of rows, and 63 tokens cost
 * a fifth more than 64.
 */
export const SLICE_UNIT_TOKENS = 64;
export const MAX_SLICE_TOKENS = 512;
export const SLICE_TARGET_MS = 250;
/** Weight of the latest slice in the running mean. */
const LATEST_WEIGHT = 0.5;

export class PrefillPace {
  #sliceTokens = SLICE_UNIT_TOKENS;
  #tokensPerMs: number | undefined;

  get sliceTokens(): number {
    return this.#sliceTokens;
  }

  /** A slice was computed. Shorter ones than the unit say little about the next and are passed over. */
  measured(tokens: number, tookMs: number): void {
    if (tokens < SLICE_UNIT_TOKENS) return;
    const latest = tokens / Math.max(tookMs, 0.01);
    this.#tokensPerMs =
      this.#tokensPerMs === undefined ? latest : this.#tokensPerMs + LATEST_WEIGHT * (latest - this.#tokensPerMs);
    const units = Math.floor((this.#tokensPerMs * SLICE_TARGET_MS) / SLICE_UNIT_TOKENS);
    const doubled = 2 * this.#sliceTokens; // one lucky measurement must not stop the others for seconds
    this.#sliceTokens = Math.max(SLICE_UNIT_TOKENS, Math.min(units * SLICE_UNIT_TOKENS, doubled, MAX_SLICE_TOKENS));
  }
}
