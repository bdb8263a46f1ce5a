/**
 * Word-wraps a text while it is being written to a terminal. Each piece is written at once; a word that turns out not
 * to fit is erased and written again on the next line. What should be copied unchanged is left to the terminal: code
 * between ``` fences, and words longer than a line.
 */
import stringWidth from 'string-width';
import { printable } from './printable.js';

const fence = '```';
const tabColumns = 8;
/** Below this width text is not wrapped. */
const minColumns = 20;
/** Terminals agree on the width of these characters, so they can be erased. */
const erasable = /^(?!\p{Cf})[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}]*$/u;

/** Writes an answer to `out`: made safe and word-wrapped on a terminal, unchanged anywhere else. */
export function answerWriter(out: NodeJS.WriteStream): (text: string) => void {
  if (!out.isTTY) return (text) => void out.write(text);
  const wrap = new WordWrap(() => (process.env.TERM === 'dumb' ? 0 : out.columns)); // a dumb one cannot erase
  return (text) => void out.write(wrap.push(printable(text)));
}

export class WordWrap {
  readonly #columns: () => number;
  /** The cursor's column. */
  #column = 0;
  /** Written since the last place where a line may break. */
  #word = '';
  /** The start of the line, as much as shows whether it is a fence. */
  #lineStart = '';
  #isCode = false;

  constructor(columns: () => number) {
    this.#columns = columns;
  }

  /** @returns what to write */
  push(text: string): string {
    return Array.from(text, (char) => this.#next(char)).join('');
  }

  #next(char: string): string {
    if (char === '\n') return this.#endLine();
    if (this.#lineStart.length < fence.length) this.#lineStart = `${this.#lineStart}${char}`.trimStart();
    const columns = this.#columns();
    if (this.#isCode || columns < minColumns) return char;
    const width = char === '\t' ? tabColumns - (this.#column % tabColumns) : stringWidth(char);
    const isBlank = char === ' ' || char === '\t';
    // The last column stays free: past it, the cursor cannot move back.
    if (this.#column + width < columns) return this.#write(char, width, isBlank);
    if (isBlank) {
      this.#column = columns; // the next word starts a line
      this.#word = '';
      return '';
    }
    return this.#overflow(char, width, columns);
  }

  #write(char: string, width: number, isBlank: boolean): string {
    this.#column += width;
    const mayEndLine = isBlank || width === 2;
    this.#word = mayEndLine ? '' : `${this.#word}${char}`;
    return char;
  }

  #overflow(char: string, width: number, columns: number): string {
    const isLongWord = this.#word !== '' && stringWidth(this.#word) >= this.#column;
    if (isLongWord) {
      this.#column = this.#column + width > columns ? width : this.#column + width;
      this.#word += char;
      return char;
    }
    const moved = width < 2 && erasable.test(this.#word) ? this.#word : '';
    const movedColumns = stringWidth(moved);
    this.#column = movedColumns + width;
    this.#word = width === 2 ? '' : `${moved}${char}`;
    return `${moved === '' ? '' : `\x1b[${movedColumns}D\x1b[K`}\n${moved}${char}`;
  }

  #endLine(): string {
    if (this.#lineStart.startsWith(fence)) this.#isCode = !this.#isCode;
    this.#column = 0;
    this.#word = '';
    this.#lineStart = '';
    return '\n';
  }
}
