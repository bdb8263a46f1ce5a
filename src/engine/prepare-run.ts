/**
 * From a request to a run. Everything is checked here, cheap things first, so that a run that starts ends in an answer or
 * in a failure of the machine.
 */
import type { Llama, LlamaGrammar, Token } from 'node-llama-cpp';

import type { Random } from '../runtime/random.js';
import { firstUnknownRole } from './chat-format.js';
import { RunFailure } from './failure.js';
import { jsonGrammar } from './json-grammar.js';
import type { RunOptions, RunRequest } from './messages.js';
import type { Engine } from './model.js';
import { GrammarState } from './native.js';
import { Run, type RunSetup } from './run.js';
import { repeatPenaltyWindow, samplerConfig } from './sampling.js';
import type { TokenOutlet } from './token-outlet.js';
import { promptTooLong, type Tokenizer } from './tokenizer.js';
import { ToolCallSieve, toolGrammar, withToolMessage } from './tools.js';
import { Weigher } from './weigher.js';

export interface RunOrder {
  readonly id: number;
  readonly slot: number;
  readonly reuse: boolean;
  readonly request: RunRequest;
}

/**
 * @param signal cancels it; the promise may then reject
 * @throws RunFailure for what is wrong with the request
 */
export async function prepareRun(
  engine: Engine,
  order: RunOrder,
  outlet: TokenOutlet,
  random: Random,
  signal: AbortSignal,
): Promise<Run> {
  const { llama, samplers, tokenizer } = engine;
  const { contextSize } = engine.info;
  const { request, ...place } = order;
  const { options = {}, resumeText: resumedText = '', claimedText } = request;
  const promptTokens = await tokensOf(request, tokenizer, signal);
  if (promptTokens.length >= contextSize) throw promptTooLong(promptTokens.length, contextSize);
  const given = claimedText ?? resumedText;
  const resumedTokens = await tokenizer.resumed(given, signal);
  const tokens = promptTokens.length + resumedTokens.length;
  if (claimedText !== undefined && tokens > contextSize) throw promptTooLong(tokens, contextSize);
  const grammar = await grammarOf(request, llama);
  const canRepick = claimedText === undefined && tokens < contextSize;
  const repickedTokens = canRepick ? repickedOf(options, grammar, resumedTokens.length) : 0;
  const seed = options.seed ?? Math.floor(random.next() * 2 ** 32);
  const setup = {
    ...place,
    promptTokens,
    resumedTokens,
    resumedText,
    repickedTokens,
    options,
    contextSize,
    seed,
    stops: stopsOf(request, tokenizer),
    sieve: toolsOf(request) === undefined ? undefined : new ToolCallSieve(resumedText),
    grammar: grammar === undefined ? undefined : grammarAfter(engine, grammar, resumedTokens, repickedTokens),
  };
  const sampler = samplers.picking(order.slot);
  const weigher = claimedText === undefined ? undefined : weigherOf(engine, request, { ...setup, sampler });
  return new Run({ ...setup, sampler, weigher }, tokenizer, outlet);
}

/** A word that was cut tokenises to at most about this many tokens. */
const maxSeamTokens = 8;
/** Each costs the logits of a whole vocabulary, and a pick. */
const maxRepickedTokens = 512;

/**
 * How many tokens of a resumed text are picked again. Text is sent in whole tokens, but a client may hold less of the last one.
 * Unconstrained, a model mostly writes the tokens that a tokeniser reads, so only that end matters. Under a grammar all do,
 * unless chance would pick others anyway.
 */
function repickedOf({ temperature, seed }: RunOptions, grammar: LlamaGrammar | undefined, resumed: number): number {
  const isRepeatable = seed !== undefined || temperature === 0;
  return Math.min(resumed, grammar !== undefined && isRepeatable ? maxRepickedTokens : maxSeamTokens);
}

/** An answer with fewer tokens than this share of `maxTokens` did not end because of its length. */
const cutShare = 0.8;

function weigherOf(
  { samplers, tokenizer }: Engine,
  request: RunRequest,
  setup: Pick<RunSetup, 'slot' | 'promptTokens' | 'resumedTokens' | 'seed' | 'sampler'>,
): Weigher {
  const { slot, promptTokens, resumedTokens, seed, sampler } = setup;
  const { options = {} } = request;
  const tokens = [...promptTokens, ...resumedTokens];
  const mayEndOtherwise =
    stopsOf(request, tokenizer).length > 0 || resumedTokens.length >= cutShare * (options.maxTokens ?? Infinity);
  return new Weigher({
    tokens,
    promptTokens: promptTokens.length,
    configAt: (index) =>
      samplerConfig(
        options,
        seed,
        index - promptTokens.length,
        tokens.slice(Math.max(0, index - repeatPenaltyWindow), index),
        undefined,
      ),
    own: sampler,
    greedy: samplers.weighing(slot),
    endings: mayEndOtherwise ? [] : tokenizer.endings,
  });
}

/** An empty list is the same as no tools. */
const toolsOf = ({ tools }: RunRequest): RunRequest['tools'] => (tools?.length === 0 ? undefined : tools);

async function tokensOf(request: RunRequest, tokenizer: Tokenizer, signal: AbortSignal): Promise<Token[]> {
  const { prompt, messages = [] } = request;
  const tools = toolsOf(request);
  if (prompt !== undefined) return tokenizer.prompt(prompt, signal);
  const unknown = firstUnknownRole(messages);
  if (unknown >= 0)
    throw new RunFailure('bad_request', `messages[${unknown}].role: must be system, user, assistant or tool`);
  return tokenizer.conversation(tools === undefined ? messages : withToolMessage(tools, messages), signal);
}

function stopsOf({ options, messages }: RunRequest, { chatFormat }: Tokenizer): string[] {
  const ofFormat = messages === undefined || chatFormat.stop === undefined ? [] : [chatFormat.stop];
  return [...(options?.stop ?? []), ...ofFormat];
}

/** What constrains the answer: the schema asked for, or the form of tool calls. */
async function grammarOf(request: RunRequest, llama: Llama): Promise<LlamaGrammar | undefined> {
  const tools = toolsOf(request);
  const schema = request.options?.jsonSchema;
  if (request.claimedText !== undefined && (tools !== undefined || schema !== undefined))
    throw new RunFailure('bad_request', 'check: cannot be combined with tools or options.jsonSchema');
  if (tools === undefined) return schema === undefined ? undefined : jsonGrammar(llama, schema);
  if (schema !== undefined) throw new RunFailure('bad_request', 'tools: cannot be combined with options.jsonSchema');
  if (request.prompt !== undefined) throw new RunFailure('bad_request', 'tools: need messages, not a prompt');
  return toolGrammar(llama, tools);
}

/** The grammar as it stands before the last `repicked` of these tokens. */
function grammarAfter(
  { llama, model }: Engine,
  grammar: LlamaGrammar,
  tokens: readonly Token[],
  repicked: number,
): GrammarState {
  const state = GrammarState.beginningOf(llama, model, grammar);
  const certain = tokens.length - repicked;
  const fits = (through: GrammarState, part: readonly Token[]): boolean =>
    part.every((token) => through.advance(token));
  if (!fits(state, tokens.slice(0, certain)) || !fits(state.clone(), tokens.slice(certain)))
    throw new RunFailure('bad_request', 'resume.text: does not fit what the answer is held to');
  return state;
}
