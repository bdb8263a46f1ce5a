/**
 * When text leaves: the first at once, for whoever waits for it, then what gathered, at most every outletIntervalMs.
 * A message per token would cost more than the token on a small model, and nobody reads faster. Where tokens are picked and none of
 * their text may leave yet, as in a call of a tool, an empty piece every outletSignMs says that the run goes on.
 */
import type { Clock, TimerHandle } from '../runtime/clock.js';
import type { Piece } from './answer-text.js';

export const outletIntervalMs = 20;
/** Well within what a client, and the watch over this engine, take for a run that hangs. */
export const outletSignMs = 1_000;

export class TokenOutlet {
  readonly #clock: Clock;
  readonly #send: (text: string, tokens: number) => void;
  #text = '';
  #tokens = 0;
  #sentTokens = 0;
  #lastSentMs = -Infinity;
  /** Since when nothing was sent, an empty piece included; undefined before the first token. */
  #quietSinceMs: number | undefined;
  #timer: { readonly handle: TimerHandle } | undefined;

  constructor(clock: Clock, send: (text: string, tokens: number) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** How many tokens the text that has left holds. */
  get sentTokens(): number {
    return this.#sentTokens;
  }

  /** To be called for each token that is picked, also where its piece is empty. */
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
