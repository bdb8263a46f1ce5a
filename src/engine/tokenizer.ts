/**
 * Text ↔ tokens for one model, with three rules. What people wrote never becomes a control token. A text that continues
 * another is tokenised without the space that some vocabularies put before the first word. And the text of tokens does not
 * depend on what came before them, so an answer reads the same wherever it was interrupted.
 */
import type { LlamaModel, Token } from 'node-llama-cpp';

import { detectChatFormat, writeConversation, type ChatFormat } from './chat-format.js';
import { RunFailure } from './failure.js';
import type { ChatMessage } from './messages.js';

/**
 * Tokenising can take quadratic time (a million equal letters: 50 s), and all streams stand still meanwhile. So a long text is
 * first counted in parts of this length, and refused as soon as it cannot fit.
 */
const countedPartCharacters = 8192;
/** A cut through one long word may cost up to this many tokens more than the whole text has. */
const tokensPerCut = 64;

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
  prompt(text: string): Token[] {
    return this.#atLeastOne(this.#beginning().concat(this.#tokenize(text)));
  }

  conversation(messages: readonly ChatMessage[]): Token[] {
    let tokens = this.#beginning();
    for (const { text, marks } of writeConversation(this.chatFormat, messages)) {
      for (const part of marks ? [text] : this.#takenApart(text))
        tokens = tokens.concat(this.#tokenize(part, marks, tokens.length === 0 ? undefined : 'trimLeadingSpace'));
      if (tokens.length > this.#contextSize) throw promptTooLong(`more than ${this.#contextSize}`, this.#contextSize);
    }
    return this.#atLeastOne(tokens);
  }

  /** A text that continues what comes before it. */
  continuation(text: string): Token[] {
    return this.#tokenize(text, false, 'trimLeadingSpace');
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

  #tokenize(text: string, marks = false, option?: 'trimLeadingSpace'): Token[] {
    let atLeast = 0;
    for (let start = 0; text.length > countedPartCharacters && start < text.length; start += countedPartCharacters) {
      atLeast += this.#model.tokenize(text.slice(start, start + countedPartCharacters)).length - tokensPerCut;
      if (atLeast >= this.#contextSize) throw promptTooLong(`more than ${atLeast}`, this.#contextSize);
    }
    return this.#model.tokenize(text, marks, option);
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
