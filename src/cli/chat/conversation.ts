/** What was said in a chat: what the model is told again with each question, and what `/save` writes. */
import { limits } from '../../protocol/limits.js';

export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** Each is two messages, and one place is the system prompt's. */
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

  /** All that the model is told, with a new question at its end. */
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

  /** The system prompt stays. */
  clear(): void {
    this.#exchanges = [];
  }

  /** Makes room for a question that the model's context does not hold. @returns how many exchanges went: the older half. */
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
