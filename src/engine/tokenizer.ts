/**
 * Text ↔ tokens for one model, with three rules. What people wrote never becomes a control token. A text that continues
 * another is tokenised without the space that some vocabularies put before the first word. And the text of tokens does not
 * depend on what came before them, so an answer reads the same wherever it was interrupted.
 */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { LlamaModel, Token } from 'node-llama-cpp';

import { detectChatFormat, writeConversation, type ChatFormat } from './chat-format.js';
import { RunFailure } from './failure.js';
import type { ChatMessage } from './messages.js';
import { textParts } from './text-parts.js';

export class Tokenizer {
  readonly chatFormat: ChatFormat;
  readonly #model: LlamaModel;
  readonly #contextSize: number;
  /** Marks of the chat format that this vocabulary matches even in plain text, where they are split up. */
  readonly #exposedMarks: RegExp | undefined;
  /** The token that closes an answer, even if the vocabulary does not list it as such. */
  readonly #closing: Token | undefined;
  /** Put before tokens to be detokenised: some vocabularies drop a space at the very start. */
  readonly #anchor: readonly Token[];

  /** @param contextSize texts that certainly have more tokens are refused */
  constructor(model: LlamaModel, contextSize: number) {
    this.#model = model;
    this.#contextSize = contextSize;
    const isToken = (text: string): boolean => model.tokenize(text, true).length === 1;
    this.chatFormat = detectChatFormat(chatTemplateOf(model), isToken);
    const exposed = this.chatFormat.evidence.filter((mark) => model.tokenize(mark, false).length === 1);
    if (exposed.length > 0) this.#exposedMarks = new RegExp(`(?<=${exposed.map(firstCharacter).join('|')})`, 'u');
    const closing = model.tokenize(this.chatFormat.close('assistant').trim(), true);
    this.#closing = closing.length === 1 ? closing[0] : undefined;
    this.#anchor = model.tokenize('\n');
  }

  /** A prompt as it stands, after the token that the model expects at the beginning. */
  async prompt(text: string, signal: AbortSignal): Promise<Token[]> {
    return this.#atLeastOne(await this.#append(this.#beginning(), text, false, signal));
  }

  async conversation(messages: readonly ChatMessage[], signal: AbortSignal): Promise<Token[]> {
    const tokens = this.#beginning();
    for (const { text, marks } of writeConversation(this.chatFormat, messages))
      if (marks) tokens.push(...this.#tokenize(text, true, tokens.length > 0));
      else for (const part of this.#takenApart(text)) await this.#append(tokens, part, tokens.length > 0, signal);
    return this.#atLeastOne(tokens);
  }

  /** What an interrupted answer has said so far. */
  resumed(text: string, signal: AbortSignal): Promise<Token[]> {
    return this.#append([], text, true, signal);
  }

  /** A short text that continues what comes before it. */
  continuation(text: string): Token[] {
    return this.#tokenize(text, false, true);
  }

  /** Control tokens have no text; an incomplete character is U+FFFD. */
  text(tokens: readonly Token[]): string {
    return this.#model.detokenize(tokens, false, this.#anchor);
  }

  /** The tokens with which the model may end its answer, as far as they are known by name. */
  get endings(): Token[] {
    const { eos, eot } = this.#model.tokens;
    const all = new Set([eos, eot, this.#closing]);
    return [...all].filter((token) => token !== null && token !== undefined);
  }

  /** Whether the model ends its answer with this token. */
  ends(token: Token): boolean {
    return token === this.#closing || this.#model.isEogToken(token);
  }

  #beginning(): Token[] {
    const { bos, shouldPrependBosToken } = this.#model.tokens;
    return shouldPrependBosToken && bos !== null ? [bos] : [];
  }

  /** A model predicts what follows a token. If there is none, it gets the one that separates texts. */
  #atLeastOne(tokens: Token[]): Token[] {
    const { bos, eos } = this.#model.tokens;
    const start = bos ?? eos;
    if (tokens.length > 0) return tokens;
    if (start === null) throw new RunFailure('bad_request', 'prompt: is empty, and this model cannot begin by itself');
    return [start];
  }

  /**
   * Other streams go on between two parts of a long text.
   * @throws RunFailure as soon as what is there does not fit
   * @throws if it is cancelled between two parts
   */
  async #append(tokens: Token[], text: string, isContinued: boolean, signal: AbortSignal): Promise<Token[]> {
    let isFirst = true;
    for (const part of textParts(text)) {
      if (tokens.length > this.#contextSize) throw promptTooLong(`more than ${tokens.length}`, this.#contextSize);
      if (!isFirst) await othersTurn();
      signal.throwIfAborted();
      for (const token of this.#tokenize(part, false, isContinued || !isFirst)) tokens.push(token);
      isFirst = false;
    }
    return tokens;
  }

  #tokenize(text: string, marks: boolean, isContinued: boolean): Token[] {
    return this.#model.tokenize(text, marks, isContinued ? 'trimLeadingSpace' : undefined);
  }

  #takenApart(text: string): string[] {
    return this.#exposedMarks === undefined ? [text] : text.split(this.#exposedMarks);
  }
}

export const promptTooLong = (tokens: number | string, contextSize: number): RunFailure =>
  new RunFailure(
    'prompt_too_long',
    `the prompt has ${tokens} tokens and the context holds ${contextSize}, one of them for the answer`,
  );

/** Read as text only. */
function chatTemplateOf(model: LlamaModel): string | undefined {
  const template: unknown = model.fileInfo.metadata.tokenizer.chat_template;
  return typeof template === 'string' ? template : undefined;
}

/** A pattern that matches the first character of a mark where the rest of the mark follows. */
function firstCharacter(mark: string): string {
  const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/gu, '\\$&');
  return `${escaped(mark.slice(0, 1))}(?=${escaped(mark.slice(1))})`;
}
