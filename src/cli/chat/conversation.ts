/** The history of a chat: sent to the model again with each question, and written by `/save`. */
import { limits } from '../../protocol/limits.js';

export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** Each exchange is two messages; one is kept free for the system prompt. */
const maxExchanges = limits.maxMessages / 2 - 2;

export class Conversation {
  system: string | undefined;
  #exchanges: readonly Exchange[] = [];

  constructor(system?: string) {
    this.system = system;
  }

  get exchanges(): readonly Exchange[] {
    return this.#exchanges;
  }

  /** The whole conversation for the model, with a new question at its end. */
  messages(question: string): Message[] {
    return [
      ...(this.system === undefined ? [] : [{ role: 'system', content: this.system } as const]),
      ...this.#exchanges.flatMap(({ question: asked, answer }): Message[] => [
        { role: 'user', content: asked },
        { role: 'assistant', content: answer },
      ]),
      { role: 'user', content: question },
    ];
  }

  add(exchange: Exchange): void {
    this.#exchanges = [...this.#exchanges, exchange].slice(-maxExchanges);
  }

  /** Keeps the system prompt. */
  clear(): void {
    this.#exchanges = [];
  }

  /**
   * Makes room for a question that does not fit into the model's context: drops the older half.
   * @returns how many exchanges were dropped
   */
  forgetOldest(): number {
    const count = Math.ceil(this.#exchanges.length / 2);
    this.#exchanges = this.#exchanges.slice(count);
    return count;
  }

  markdown(): string {
    const parts = [
      ...(this.system === undefined ? [] : [`## System\n\n${this.system}`]),
      ...this.#exchanges.map(({ question, answer }) => `## You\n\n${question}\n\n## Answer\n\n${answer.trim()}`),
    ];
    return `${['# Chat', ...parts].join('\n\n')}\n`;
  }
}
