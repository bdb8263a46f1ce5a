/**
 * The keyboard of a chat at a terminal.
 *
 * 1. `read` returns one message, with history on the arrow keys, completion, and multi-line input (gather.ts).
 * 2. While an answer arrives, `watch` reads the keys: Ctrl-C is reported, other input starts the next message.
 * 3. Ctrl-C discards what is being typed; Ctrl-D ends the chat.
 */
import { createInterface } from 'node:readline';
import { MessageGatherer } from './gather.js';
import type { InputHistory } from './input-history.js';

const prompts = { first: '> ', more: '… ' } as const;
/** History and completion work on single lines; this stands for a line end there. */
const lineEnd = ' ⏎ ';
const maxTypedAheadChars = 4_000;
const ctrlC = '\x03';
const bracketedPaste = { on: '\x1b[?2004h', off: '\x1b[?2004l' } as const;

export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

export class Keyboard {
  readonly #terminal: Terminal;
  readonly #history: InputHistory;
  readonly #complete: (line: string) => readonly string[];
  #typedAhead = '';

  constructor(terminal: Terminal, history: InputHistory, complete: (line: string) => readonly string[]) {
    this.#terminal = terminal;
    this.#history = history;
    this.#complete = complete;
  }

  /** @returns '' if the input was discarded, undefined when the person leaves */
  read(): Promise<string | undefined> {
    const { input, output } = this.#terminal;
    const gatherer = new MessageGatherer();
    const lines = createInterface({
      input,
      output,
      terminal: true,
      prompt: prompts.first,
      history: [...this.#history.entries],
      historySize: this.#history.entries.length + 1,
      completer: (line: string) => [this.#complete(line), line],
    });
    let isPasting = false;
    const onKey = (_: unknown, key: { readonly name?: string } | undefined): void => {
      if (key?.name === 'paste-start') isPasting = true;
      if (key?.name === 'paste-end') isPasting = false;
    };
    input.on('keypress', onKey);
    output.write(bracketedPaste.on);
    lines.prompt();
    if (this.#typedAhead !== '') lines.write(this.#typedAhead);
    this.#typedAhead = '';
    return new Promise((resolve) => {
      const leave = (message: string | undefined): void => {
        input.off('keypress', onKey);
        lines.off('close', onClose);
        this.#keepRest(input);
        lines.close();
        output.write(bracketedPaste.off);
        if (message !== undefined && message.trim() !== '') this.#history.add(message.replaceAll('\n', lineEnd));
        resolve(message?.replaceAll(lineEnd, '\n'));
      };
      const onClose = (): void => {
        output.write('\n');
        leave(undefined);
      };
      lines.on('close', onClose);
      lines.on('SIGINT', () => {
        const isEmpty = lines.line === '' && !gatherer.isOpen;
        lines.write(null, { ctrl: true, name: 'e' }); // to the end of the discarded text
        output.write(isEmpty ? '\n(Ctrl-D leaves)\n' : '^C\n');
        leave('');
      });
      lines.on('line', (line) => {
        const message = gatherer.push(line, isPasting);
        if (message !== undefined) return leave(message);
        lines.setPrompt(prompts.more);
        lines.prompt();
      });
    });
  }

  /**
   * Text that arrived in one piece with the end of a message, as from a terminal without bracketed paste, becomes the
   * start of the next one.
   */
  #keepRest(input: NodeJS.ReadStream): void {
    const onKey = (text: string | undefined): void => this.#keep(text ?? '');
    input.on('keypress', onKey);
    process.nextTick(() => input.off('keypress', onKey));
  }

  /** @returns a function that stops watching */
  watch(interrupted: () => void): () => void {
    const { input } = this.#terminal;
    const onData = (data: Buffer): void => {
      const text = data.toString('utf8');
      if (text.includes(ctrlC)) interrupted();
      else this.#keep(text);
    };
    input.setRawMode(true);
    input.on('data', onData);
    input.resume();
    return () => {
      input.off('data', onData);
      input.pause();
      input.setRawMode(false);
    };
  }

  /** Nothing typed ahead is sent by itself: line ends become spaces, until Enter is pressed at the prompt. */
  #keep(text: string): void {
    if (text.startsWith('\x1b')) return; // a special key, such as an arrow
    const typed = text.replace(/[\r\n\t]+/g, ' ').replace(/\p{Cc}/gu, '');
    this.#typedAhead = `${this.#typedAhead}${typed}`.slice(0, maxTypedAheadChars);
  }
}
