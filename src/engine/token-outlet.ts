/**
 * When text leaves: the first at once, for whoever waits for it, then what gathered, at most every OUTLET_INTERVAL_MS.
 * A message per token would cost more than the token on a small model, and nobody reads faster.
 */
import type { Clock, TimerHandle } from '../runtime/clock.js';
import type { Piece } from './answer-text.js';

export const OUTLET_INTERVAL_MS = 20;

export class TokenOutlet {
  readonly #clock: Clock;
  readonly #send: (text: string, tokens: number) => void;
  #text = '';
  #tokens = 0;
  #sentTokens = 0;
  #lastSentMs = -Infinity;
  #timer: { readonly handle: TimerHandle } | undefined;

  constructor(clock: Clock, send: (text: string, tokens: number) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** How many tokens the text that has left holds. */
  get sentTokens(): number {
    return this.#sentTokens;
  }

  push(piece: Piece): void {
    this.#text += piece.text;
    this.#tokens += piece.tokens;
    if (this.#text === '' || this.#timer !== undefined) return;
    const waitMs = this.#lastSentMs + OUTLET_INTERVAL_MS - this.#clock.monotonicMs();
    if (waitMs <= 0) this.flush();
    else this.#timer = { handle: this.#clock.setTimeout(() => this.flush(), waitMs) };
  }

  /** Sends what gathered. To be called at the end; also stops the timer. */
  flush(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
    if (this.#text === '') return;
    const [text, tokens] = [this.#text, this.#tokens];
    this.#text = '';
    this.#tokens = 0;
    this.#sentTokens += tokens;
    this.#lastSentMs = this.#clock.monotonicMs();
    this.#send(text, tokens);
  }
}
