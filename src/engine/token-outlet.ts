/**
 * Sends text: the first token at once, because someone is waiting for it, then whatever gathered, at most every outletIntervalMs.
 * On a small model a message per token would cost more than the token, and nobody reads faster. While text is held back, as in
 * a tool call, an empty piece every outletSignMs shows that the run is alive.
 */
import type { Clock, TimerHandle } from '../runtime/clock.js';
import type { Piece } from './answer-text.js';

export const outletIntervalMs = 20;
/** Well below the silence after which a client, or the watch over this engine, considers a run hung. */
export const outletSignMs = 1_000;

export class TokenOutlet {
  readonly #clock: Clock;
  readonly #send: (text: string, tokens: number) => void;
  #text = '';
  #tokens = 0;
  #sentTokens = 0;
  #lastSentMs = -Infinity;
  /** When something was last sent, even an empty piece; undefined before the first token. */
  #quietSinceMs: number | undefined;
  #timer: { readonly handle: TimerHandle } | undefined;

  constructor(clock: Clock, send: (text: string, tokens: number) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** How many tokens the text sent so far holds. */
  get sentTokens(): number {
    return this.#sentTokens;
  }

  /** Call this for every token, even if its piece is empty. */
  push(piece: Piece): void {
    this.#text += piece.text;
    this.#tokens += piece.tokens;
    const now = this.#clock.monotonicMs();
    if (this.#text === '') return this.#giveSign(now);
    if (this.#timer !== undefined) return;
    const waitMs = this.#lastSentMs + outletIntervalMs - now;
    if (waitMs <= 0) this.flush();
    else this.#timer = { handle: this.#clock.setTimeout(() => this.flush(), waitMs) };
  }

  /** Sends what gathered and stops the timer. Call this at the end. */
  flush(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
    if (this.#text === '') return;
    const [text, tokens] = [this.#text, this.#tokens];
    this.#text = '';
    this.#tokens = 0;
    this.#sentTokens += tokens;
    this.#lastSentMs = this.#clock.monotonicMs();
    this.#quietSinceMs = this.#lastSentMs;
    this.#send(text, tokens);
  }

  #giveSign(now: number): void {
    this.#quietSinceMs ??= now;
    if (now - this.#quietSinceMs < outletSignMs) return;
    this.#quietSinceMs = now;
    this.#send('', 0);
  }
}
