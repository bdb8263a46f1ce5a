/**
 * From a request to a run: everything is checked here, the cheap things first, so that a run that starts can only end in an
 * answer or in a failure of the machine.
 */
import type { Llama, LlamaGrammar, Token } from 'node-llama-cpp';

import type { Random } from '../runtime/random.js';
import { firstUnknownRole } from './chat-format.js';
import { RunFailure } from './failure.js';
import { jsonGrammar } from './json-grammar.js';
import type { RunRequest } from './messages.js';
import type { Engine } from './model.js';
import { advanceGrammar, newGrammarState, newSampler, type NativeGrammarState } from './native.js';
import { Run } from './run.js';
import type { TokenOutlet } from './token-outlet.js';
import { promptTooLong, type Tokenizer } from './tokenizer.js';
import { ToolCallSieve, toolGrammar, withToolMessage } from './tools.js';

export interface RunOrder {
  readonly id: number;
  readonly slot: number;
  readonly reuse: boolean;
  readonly request: RunRequest;
}

/** Throws a RunFailure for what is wrong with the request. */
export async function prepareRun(engine: Engine, order: RunOrder, outlet: TokenOutlet, random: Random): Promise<Run> {
  const { llama, model, tokenizer } = engine;
  const { contextSize } = engine.info;
  const { request, ...place } = order;
  const { options = {}, resumeText: resumedText = '' } = request;
  const promptTokens = tokensOf(request, tokenizer);
  if (promptTokens.length >= contextSize) throw promptTooLong(promptTokens.length, contextSize);
  const resumedTokens = resumedText === '' ? [] : tokenizer.continuation(resumedText);
  const grammar = await grammarOf(request, llama);
  const setup = {
    ...place,
    promptTokens,
    resumedTokens,
    resumedText,
    options,
    contextSize,
    seed: options.seed ?? Math.floor(random.next() * 2 ** 32),
    stops: stopsOf(request, tokenizer),
    sieve: toolsOf(request) === undefined ? undefined : new ToolCallSieve(resumedText),
    grammar: grammar === undefined ? undefined : grammarAfter(engine, grammar, resumedTokens),
  };
  return new Run({ ...setup, sampler: newSampler(llama, model) }, tokenizer, outlet);
}

/** No tools are the same as an empty list. */
const toolsOf = ({ tools }: RunRequest): RunRequest['tools'] => (tools?.length === 0 ? undefined : tools);

function tokensOf(request: RunRequest, tokenizer: Tokenizer): Token[] {
  const { prompt, messages = [] } = request;
  const tools = toolsOf(request);
  if (prompt !== undefined) return tokenizer.prompt(prompt);
  const unknown = firstUnknownRole(messages);
  if (unknown >= 0)
    throw new RunFailure('bad_request', `messages[${unknown}].role: must be system, user, assistant or tool`);
  return tokenizer.conversation(tools === undefined ? messages : withToolMessage(tools, messages));
}

function stopsOf({ options, messages }: RunRequest, { chatFormat }: Tokenizer): string[] {
  const ofFormat = messages === undefined || chatFormat.stop === undefined ? [] : [chatFormat.stop];
  return [...(options?.stop ?? []), ...ofFormat];
}

/** What the answer is held to: the schema that was asked for, or that a call of a tool is well-formed. */
async function grammarOf(request: RunRequest, llama: Llama): Promise<LlamaGrammar | undefined> {
  const tools = toolsOf(request);
  const schema = request.options?.jsonSchema;
  if (tools === undefined) return schema === undefined ? undefined : jsonGrammar(llama, schema);
  if (schema !== undefined) throw new RunFailure('bad_request', 'tools: cannot be combined with options.jsonSchema');
  if (request.prompt !== undefined) throw new RunFailure('bad_request', 'tools: need messages, not a prompt');
  return toolGrammar(llama, tools);
}

/** The grammar as it stands after what an earlier run produced. */
function grammarAfter({ llama, model }: Engine, grammar: LlamaGrammar, tokens: readonly Token[]): NativeGrammarState {
  const state = newGrammarState(llama, model, grammar);
  if (!tokens.every((token) => advanceGrammar(llama, state, token)))
    throw new RunFailure('bad_request', 'resume.text: does not fit what the answer is held to');
  return state;
}
