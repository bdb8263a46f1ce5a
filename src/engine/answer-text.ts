/**
 * Turns tokens into text that may be sent: whole characters, nothing after a stop string, and nothing that may still
 * turn out to begin one. Text is sent at token boundaries, so that another worker that continues it tokenises it as it was.
 *
 * Invariants (test/unit/engine/answer-text.test.ts): what left is a prefix of the plain text; no stop string begins in
 * what is new, unless what the client held already began it; the token counts add up.
 */

/** Text that may be sent now, and how many tokens it holds. */
export interface Piece {
  readonly text: string;
  readonly tokens: number;
}

/** A character has at most four bytes, and a token at least one; twice that covers tokens that hold ends of two characters. */
const maxTokensPerCharacter = 8;

/** `detokenize` gives U+FFFD for bytes that are not a whole character. */
export const replacement = '\uFFFD';

export class AnswerText {
  readonly #detokenize: (tokens: readonly number[]) => string;
  readonly #stops: readonly string[];
  readonly #longestStop: number;
  /** Tokens that end within a character. */
  #open: number[] = [];
  /** Whole characters held back because a stop string may have begun in them. */
  #held: Piece[] = [];
  /** The end of what was sent; a stop string may begin in it. */
  #tail: string;
  #stopped = false;

  /** @param already what the client holds from an earlier run */
  constructor(detokenize: (tokens: readonly number[]) => string, stops: readonly string[], already = '') {
    this.#detokenize = detokenize;
    this.#stops = stops.filter((stop) => stop !== '');
    this.#longestStop = Math.max(0, ...this.#stops.map((stop) => stop.length));
    this.#tail = '';
    this.#stopped = this.#stops.some((stop) => already.includes(stop));
    this.#remember(already);
  }

  /** A stop string is complete; nothing more will be sent. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Adds the next token of the answer. */
  push(token: number): Piece {
    if (this.#stopped) return noPiece;
    this.#open.push(token);
    const text = this.#detokenize(this.#open);
    if (text.endsWith(replacement) && this.#open.length < maxTokensPerCharacter) return noPiece;
    const tokens = this.#open.length;
    this.#open = [];
    return this.add({ text, tokens });
  }

  /** Adds text of the answer: whole characters. */
  add(piece: Piece): Piece {
    if (this.#stopped) return noPiece;
    this.#held.push(piece);
    return this.#release();
  }

  /** The answer ends here, so text held back cannot become a stop string any more. */
  end(): Piece {
    if (this.#stopped) return noPiece;
    const text = this.#detokenize(this.#open).replace(/\uFFFD+$/u, ''); // half a character has no text
    if (text !== '') this.#held.push({ text, tokens: this.#open.length });
    this.#open = [];
    const piece = joined(this.#held);
    this.#held = [];
    return piece;
  }

  #release(): Piece {
    const text = this.#tail + joined(this.#held).text;
    const stop = earliest(text, this.#stops);
    if (stop !== undefined) {
      this.#stopped = true;
      return this.#take(stop - this.#tail.length, 'cut');
    }
    return this.#take(text.length - this.#tail.length - longestBeginning(text, this.#stops), 'whole tokens');
  }

  /** Takes `length` characters of the held text: whole pieces only, or cutting the last one. */
  #take(length: number, how: 'cut' | 'whole tokens'): Piece {
    const taken: Piece[] = [];
    let left = length;
    for (let next = this.#held[0]; next !== undefined && left >= next.text.length; next = this.#held[0]) {
      taken.push(next);
      left -= next.text.length;
      this.#held.shift();
    }
    const next = this.#held[0];
    if (how === 'cut' && next !== undefined && left > 0)
      taken.push({ text: next.text.slice(0, left), tokens: next.tokens });
    const piece = joined(taken);
    this.#remember(piece.text);
    return piece;
  }

  #remember(text: string): void {
    if (this.#longestStop > 1) this.#tail = (this.#tail + text).slice(1 - this.#longestStop);
  }
}

export const noPiece: Piece = { text: '', tokens: 0 };

const joined = (pieces: readonly Piece[]): Piece => ({
  text: pieces.map((piece) => piece.text).join(''),
  tokens: pieces.reduce((sum, piece) => sum + piece.tokens, 0),
});

/** Where the first stop string begins. */
function earliest(text: string, stops: readonly string[]): number | undefined {
  const found = stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
  return found.length === 0 ? undefined : Math.min(...found);
}

/** Length of the longest end of `text` that is a beginning of a stop string. */
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
