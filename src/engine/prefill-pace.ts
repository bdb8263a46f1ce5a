/**
 * How long a slice of a prompt is: about sliceTargetMs of computing, since the other streams stand still and a cancel is
 * not heard for that long. A graphics card does thousands of tokens in that time, an old laptop 30, so the length follows
 * measurement. Slices are multiples of sliceUnitTokens: matrix kernels work on blocks of rows, and 63 tokens cost a fifth more
 * than 64.
 */
export const sliceUnitTokens = 64;
export const maxSliceTokens = 512;
export const sliceTargetMs = 250;
/** Weight of the latest slice in the running mean. */
const latestWeight = 0.5;

export class PrefillPace {
  #sliceTokens = sliceUnitTokens;
  #tokensPerMs: number | undefined;

  get sliceTokens(): number {
    return this.#sliceTokens;
  }

  /** A slice was computed. One shorter than the unit says little about the next and is ignored. */
  measured(tokens: number, tookMs: number): void {
    if (tokens < sliceUnitTokens) return;
    const latest = tokens / Math.max(tookMs, 0.01);
    this.#tokensPerMs =
      this.#tokensPerMs === undefined ? latest : this.#tokensPerMs + latestWeight * (latest - this.#tokensPerMs);
    const units = Math.floor((this.#tokensPerMs * sliceTargetMs) / sliceUnitTokens);
    const doubled = 2 * this.#sliceTokens; // one lucky measurement must not stop the others for seconds
    this.#sliceTokens = Math.max(sliceUnitTokens, Math.min(units * sliceUnitTokens, doubled, maxSliceTokens));
  }
}
