/**
 * A chat's output beside the answers: notes that the answer overwrites, and lines that stay. Dim, except for failures.
 */
import type { Paint } from '../paint.js';
import { printable } from '../printable.js';
import { WordWrap } from '../word-wrap.js';

const clearLine = '\r\x1b[2K';

export class Notes {
  readonly #out: NodeJS.WriteStream;
  readonly #paint: Paint;
  #isShown = false;

  constructor(out: NodeJS.WriteStream, paint: Paint) {
    this.#out = out;
    this.#paint = paint;
  }

  /** Stays on one line, until the next note or `clear`. */
  show(text: string): void {
    this.clear();
    this.#isShown = true;
    this.#out.write(this.#paint.dim(`[${printable(text)}]`.slice(0, Math.max(1, this.#out.columns - 1))));
  }

  clear(): void {
    if (this.#isShown) this.#out.write(clearLine);
    this.#isShown = false;
  }

  say(text: string): void {
    this.#write(text, this.#paint.dim);
  }

  fail(text: string): void {
    this.#write(text, this.#paint.bad);
  }

  #write(text: string, style: (text: string) => string): void {
    this.clear();
    const wrap = new WordWrap(() => this.#out.columns);
    this.#out.write(`${style(wrap.push(printable(text)))}\n`);
  }
}
