/**
 * One run: what it must evaluate, what it has answered, and when it is over. It knows tokens and rules, and neither llama.cpp's
 * batches (scheduler.ts) nor messages. Lifecycle: created with all its tokens known → its prompt is evaluated in slices →
 * each picked token goes to `accept` → `finish` is called exactly once, by whoever ends it.
 */
import { AnswerText, NOTHING, type Piece } from './answer-text.js';
import type { FinishReason, RunOptions, ToolCall } from './messages.js';
import type { NativeGrammarState, NativeSampler, SamplerConfig } from './native.js';
import { samplerConfig } from './sampling.js';
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
  /** How many tokens have to be in the sequence before the first one is picked. */
  readonly prefillTokens: number;
  /** From which token on it is asked what comes next. */
  readonly logitsFrom: number;
  readonly weigher: Weigher | undefined;
  cancelled = false;
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
    this.logitsFrom = (setup.weigher === undefined ? this.tokens.length : this.promptTokens) - 1;
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
    return this.tokens.length - this.promptTokens >= this.#limit ? 'length' : undefined;
  }

  /** For the token that comes next. */
  samplerConfig(): SamplerConfig {
    const { options, seed, grammar } = this.#setup;
    return samplerConfig(options, seed, this.tokens.length - this.promptTokens, this.tokens, grammar);
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
    const { calls, rest } = this.#setup.sieve?.end() ?? { rest: NOTHING };
    this.#calls = calls;
    if (calls === undefined) this.#outlet.push(rest);
    else this.#callTokens = rest.tokens;
    this.#outlet.flush();
  }

  #sifted(piece: Piece): Piece {
    return this.#setup.sieve?.push(piece) ?? piece;
  }
}
