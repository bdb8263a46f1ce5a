/** What a chat says beside the answers, dimly: a note that the answer writes over, and lines that stay. */
import type { Paint } from '../paint.js';
import { printable } from '../printable.js';

const clearLine = '\r\x1b[2K';

export class Notes {
  readonly #out: NodeJS.WriteStream;
  readonly #paint: Paint;
  #isShown = false;

  constructor(out: NodeJS.WriteStream, paint: Paint) {
    this.#out = out;
    this.#paint = paint;
  }

  /** On one line, until the next note or `clear`. */
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
    this.clear();
    this.#out.write(`${this.#paint.dim(printable(text))}\n`);
  }
}
