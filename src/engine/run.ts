/**
 * One run: what must be evaluated, what it has answered, and when it is over. It knows nothing of llama.cpp's batches
 * (scheduler.ts) or of messages. Lifecycle: created with all its tokens → its prompt is evaluated in slices → tokens of a
 * resumed text go to `repick`, new ones to `accept` → `finish` is called exactly once, by whoever ends it.
 */
import { AnswerText, noPiece, type Piece } from './answer-text.js';
import type { FinishReason, RunOptions, ToolCall } from './messages.js';
import type { GrammarState, NativeSampler, SamplerConfig } from './native.js';
import { readAgain, type Vocabulary } from './repick.js';
import { repeatPenaltyWindow, samplerConfig } from './sampling.js';
import type { TokenOutlet } from './token-outlet.js';
import type { ToolCallSieve } from './tools.js';
import type { Weigher } from './weigher.js';

export interface RunSetup {
  readonly id: number;
  readonly slot: number;
  readonly reuse: boolean;
  readonly promptTokens: readonly number[];
  /** The answer of an earlier run, as its text is tokenised. */
  readonly resumedTokens: readonly number[];
  readonly resumedText: string;
  /** How many of the last of these tokens are picked again (repick.ts). */
  readonly repickedTokens: number;
  readonly options: RunOptions;
  readonly seed: number;
  /** The request's and the chat format's. */
  readonly stops: readonly string[];
  readonly contextSize: number;
  readonly sampler: NativeSampler;
  /** As it stands before the first token that is picked. */
  readonly grammar: GrammarState | undefined;
  /** If the answer may be tool calls. */
  readonly sieve: ToolCallSieve | undefined;
  /** If no answer is wanted, but `resumedTokens`, claimed to be one, are to be weighed. */
  readonly weigher: Weigher | undefined;
}

/** Each takes memory for the logits of a whole vocabulary. */
export const maxLogitsPerBatch = 32;
/** Once the model has split a resumed text in its own way, it may well do so again soon, and the rest of a batch be lost. */
const logitsAfterChange = 2;

export class Run {
  readonly id: number;
  readonly slot: number;
  readonly reuse: boolean;
  readonly promptTokens: number;
  /** Prompt, resumed part and answer. */
  readonly tokens: number[];
  readonly sampler: NativeSampler;
  /** How many tokens must be in the sequence before the first new one is picked. */
  prefillTokens: number;
  /** Logits are needed from this token on. */
  readonly logitsFrom: number;
  readonly weigher: Weigher | undefined;
  cancelled = false;
  /** How many tokens of a resumed or claimed text the next batch takes logits for. */
  logitsPerBatch = maxLogitsPerBatch;
  /** How often another prompt's slice was computed first. */
  passedOver = 0;
  readonly #setup: RunSetup;
  readonly #vocabulary: Vocabulary;
  readonly #answer: AnswerText;
  readonly #outlet: TokenOutlet;
  /** How many tokens the answer may have, including resumed ones. */
  readonly #limit: number;
  /** As it stands before the token that is picked next. */
  #grammar: GrammarState | undefined;
  /** A copy of `#grammar`, advanced by a pick that may not stand. */
  #tried: GrammarState | undefined;
  /** Whether tokens of the resumed text are still to be picked again. */
  #isRepicking: boolean;
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
    this.logitsFrom = (setup.weigher === undefined ? this.tokens.length - setup.repickedTokens : this.promptTokens) - 1;
    this.#grammar = setup.grammar;
    this.#isRepicking = setup.repickedTokens > 0;
    this.#setup = setup;
    this.#vocabulary = vocabulary;
    this.#outlet = outlet;
    this.#answer = new AnswerText((tokens) => vocabulary.text(tokens), setup.stops, setup.resumedText);
    this.#limit = Math.min(setup.options.maxTokens ?? Infinity, setup.contextSize - this.promptTokens);
  }

  /** How many tokens the new text sent holds, or the tool calls, which are given whole. */
  get completionTokens(): number {
    return this.#outlet.sentTokens + this.#callTokens;
  }

  /** The tool calls the answer turned out to be; known once the run is finished. */
  get toolCalls(): readonly ToolCall[] | undefined {
    return this.#calls;
  }

  /** Why there is nothing more to compute; undefined while there is. */
  get over(): FinishReason | undefined {
    if (this.weigher !== undefined) return undefined;
    if (this.#answer.stopped) return 'stop';
    if (this.#isRepicking) return undefined;
    return this.tokens.length - this.promptTokens >= this.#limit ? 'length' : undefined;
  }

  /** For the token at this index: the next one, or one of the resumed text, whose pick then goes to `repick`. */
  samplerConfig(index: number): SamplerConfig {
    const { options, seed } = this.#setup;
    const recent = this.tokens.slice(Math.max(0, index - repeatPenaltyWindow), index);
    const isNext = index === this.tokens.length;
    this.#tried = isNext ? undefined : this.#grammar?.clone();
    const grammar = isNext ? this.#grammar : this.#tried;
    return samplerConfig(options, seed, index - this.promptTokens, recent, grammar?.native);
  }

  /**
   * Takes the model's pick for a token of the resumed text. Returns whether the tokens from there on have changed.
   *
   * @param cut drops what was computed for the tokens from there on; false if that is not possible
   */
  repick(index: number, picked: number, cut: () => boolean): boolean {
    const before = this.tokens.slice(index);
    const reading = readAgain(this.#vocabulary, this.#setup.resumedText, before, picked);
    if (reading === undefined || index + reading.tokens.length >= this.#setup.contextSize || !cut()) {
      const [kept = picked] = before;
      if (picked === kept) this.#grammar = this.#tried;
      else this.#grammar?.advance(kept);
      return false;
    }
    this.#grammar = this.#tried;
    this.tokens.splice(index, Infinity, ...reading.tokens);
    this.logitsPerBatch = logitsAfterChange;
    this.prefillTokens = reading.beyond === '' ? this.tokens.length : index;
    if (reading.beyond !== '') {
      this.#isRepicking = false;
      this.#outlet.push(this.#sifted(this.#answer.add({ text: reading.beyond, tokens: 1 })));
    }
    return true;
  }

  /** All of the resumed text has been picked again. Returns why the run is over with it, if it is. */
  resumed(): FinishReason | undefined {
    this.#isRepicking = false;
    return this.over;
  }

  /** Takes the next token; returns why the run is over with it, if it is. */
  accept(token: number): FinishReason | undefined {
    if (this.#vocabulary.ends(token)) return 'stop';
    this.tokens.push(token);
    this.#outlet.push(this.#sifted(this.#answer.push(token)));
    return this.over;
  }

  /** Sends what was held back. */
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
