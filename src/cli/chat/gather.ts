/**
 * Multi-line messages, typed at a keyboard where Enter ends a line. A line that ends in `\` continues, `"""` begins and
 * ends a block, and pasted text is sent only by a typed Enter.
 */

const quotes = '"""';

export class MessageGatherer {
  #lines: string[] = [];
  #isBlock = false;

  /** Whether more lines are expected. */
  get isOpen(): boolean {
    return this.#lines.length > 0 || this.#isBlock;
  }

  /** @returns the message, if this line ends it */
  push(line: string, isPasted = false): string | undefined {
    if (isPasted) {
      this.#lines.push(line);
      return undefined;
    }
    if (this.#isBlock) return this.#inBlock(line);
    if (!this.isOpen && line.trimStart().startsWith(quotes)) {
      this.#isBlock = true;
      return this.#inBlock(line.trimStart().slice(quotes.length));
    }
    if (line.endsWith('\\')) {
      this.#lines.push(line.slice(0, -1));
      return undefined;
    }
    return this.#take(line);
  }

  clear(): void {
    this.#lines = [];
    this.#isBlock = false;
  }

  #inBlock(line: string): string | undefined {
    if (line.trimEnd().endsWith(quotes)) return this.#take(line.trimEnd().slice(0, -quotes.length)).trim();
    this.#lines.push(line);
    return undefined;
  }

  #take(line: string): string {
    const text = [...this.#lines, line].join('\n');
    this.clear();
    return text;
  }
}
