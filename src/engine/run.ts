/**
 * One run: what it must evaluate, what it has answered, and when it is over. It knows tokens and rules, and neither llama.cpp's
 * batches (scheduler.ts) nor messages. Lifecycle: created with all its tokens known → its prompt is evaluated in slices →
 * each picked token goes to `accept` → `finish` is called exactly once, by whoever ends it.
 */
import { AnswerText, noPiece, replacement, type Piece } from './answer-text.js';
import type { FinishReason, RunOptions, ToolCall } from './messages.js';
import type { NativeGrammarState, NativeSampler, SamplerConfig } from './native.js';
import { repeatPenaltyWindow, samplerConfig } from './sampling.js';
import type { TokenOutlet } from './token-outlet.js';
import type { ToolCallSieve } from './tools.js';
import type { Weigher } from './weigher.js';

export interface RunSetup {
  readonly id: number;
  readonly slot: number;
  readonly reuse: boolean;
  readonly promptTokens: readonly number[];
  /** Tokens of the answer that an earlier run produced. */
  readonly resumedTokens: readonly number[];
  readonly resumedText: string;
  /** How many of the last of them are picked again: the text may have been cut within a token. */
  readonly seamTokens: number;
  readonly options: RunOptions;
  readonly seed: number;
  /** The request's and the chat format's. */
  readonly stops: readonly string[];
  readonly contextSize: number;
  readonly sampler: NativeSampler;
  readonly grammar: NativeGrammarState | undefined;
  /** Where the answer may be calls of tools. */
  readonly sieve: ToolCallSieve | undefined;
  /** Where there is no answer to be given: `resumedTokens` are claimed to be one. */
  readonly weigher: Weigher | undefined;
}

/** What the model's vocabulary answers. */
export interface Vocabulary {
  text(tokens: readonly number[]): string;
  ends(token: number): boolean;
}

export class Run {
  readonly id: number;
  readonly slot: number;
  readonly reuse: boolean;
  readonly promptTokens: number;
  /** Prompt, resumed part and answer. */
  readonly tokens: number[];
  readonly sampler: NativeSampler;
  /** How many tokens have to be in the sequence before the first new one is picked. */
  prefillTokens: number;
  /** From which token on it is asked what comes next. */
  readonly logitsFrom: number;
  readonly weigher: Weigher | undefined;
  cancelled = false;
  /** Whether it is still to be found out that the resumed text was cut within a token. */
  seamOpen: boolean;
  /** How often another prompt's slice went before this one's. */
  passedOver = 0;
  readonly #setup: RunSetup;
  readonly #vocabulary: Vocabulary;
  readonly #answer: AnswerText;
  readonly #outlet: TokenOutlet;
  /** How many tokens the answer may have, the resumed ones included. */
  readonly #limit: number;
  #calls: readonly ToolCall[] | undefined;
  #callTokens = 0;

  constructor(setup: RunSetup, vocabulary: Vocabulary, outlet: TokenOutlet) {
    this.id = setup.id;
    this.slot = setup.slot;
    this.reuse = setup.reuse;
    this.sampler = setup.sampler;
    this.promptTokens = setup.promptTokens.length;
    this.tokens = [...setup.promptTokens, ...setup.resumedTokens];
    this.prefillTokens = this.tokens.length;
    this.weigher = setup.weigher;
    this.seamOpen = setup.seamTokens > 0;
    this.logitsFrom = (setup.weigher === undefined ? this.tokens.length - setup.seamTokens : this.promptTokens) - 1;
    this.#setup = setup;
    this.#vocabulary = vocabulary;
    this.#outlet = outlet;
    this.#answer = new AnswerText((tokens) => vocabulary.text(tokens), setup.stops, setup.resumedText);
    this.#limit = Math.min(setup.options.maxTokens ?? Infinity, setup.contextSize - this.promptTokens);
  }

  /** How many tokens the new text has that left, or the calls that are given whole. */
  get completionTokens(): number {
    return this.#outlet.sentTokens + this.#callTokens;
  }

  /** The calls that the answer turned out to be; known once the run is finished. */
  get toolCalls(): readonly ToolCall[] | undefined {
    return this.#calls;
  }

  /** Why there is nothing (more) to compute; undefined while there is. */
  get over(): FinishReason | undefined {
    if (this.weigher !== undefined) return undefined;
    if (this.#answer.stopped) return 'stop';
    if (this.seamOpen) return undefined;
    return this.tokens.length - this.promptTokens >= this.#limit ? 'length' : undefined;
  }

  /** For the token at this index; by default the one that comes next. */
  samplerConfig(index = this.tokens.length): SamplerConfig {
    const { options, seed, grammar } = this.#setup;
    const recent = this.tokens.slice(Math.max(0, index - repeatPenaltyWindow), index);
    return samplerConfig(options, seed, index - this.promptTokens, recent, grammar);
  }

  /**
   * What a token, picked again for a place of the resumed part, has beyond all that the client holds from there on: the text was cut
   * within it. Undefined where it was not, and the answer goes on from the resumed tokens as they are.
   */
  beyondSeam(index: number, token: number): string | undefined {
    const held = this.#vocabulary.text(this.tokens.slice(index));
    const text = this.#vocabulary.text([token]);
    if (this.#vocabulary.ends(token) || text.endsWith(replacement) || !this.#setup.resumedText.endsWith(held))
      return undefined;
    return text.length > held.length && text.startsWith(held) ? text.slice(held.length) : undefined;
  }

  /** Takes this token in place of the resumed ones from `index` on: `beyond` is what it says that the client does not hold. */
  mend(index: number, token: number, beyond: string): void {
    this.tokens.splice(index, Infinity, token);
    this.prefillTokens = index;
    this.#outlet.push(this.#sifted(this.#answer.add({ text: beyond, tokens: 1 })));
  }

  /** Takes the next token; returns why the run is over with it, if it is. */
  accept(token: number): FinishReason | undefined {
    if (this.#vocabulary.ends(token)) return 'stop';
    this.tokens.push(token);
    this.#outlet.push(this.#sifted(this.#answer.push(token)));
    return this.over;
  }

  /** Lets go of what was held back. */
  finish(): void {
    this.#outlet.push(this.#sifted(this.#answer.end()));
    const { calls, rest } = this.#setup.sieve?.end() ?? { rest: noPiece };
    this.#calls = calls;
    if (calls === undefined) this.#outlet.push(rest);
    else this.#callTokens = rest.tokens;
    this.#outlet.flush();
  }

  #sifted(piece: Piece): Piece {
    return this.#setup.sieve?.push(piece) ?? piece;
  }
}
