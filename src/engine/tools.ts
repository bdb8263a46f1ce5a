/**
 * Tools for any model: a system message lists them, and a grammar constrains the answer to either free text or well-formed
 * calls: one `{"tool": …, "arguments": {…}}` or an array of them, with arguments that match the tool's schema. An answer
 * that begins with `{` or `[{` is calls; it is not streamed but given whole at the end. The first character decides whether
 * there may be several, so that a model that wanted one is not led on to the next.
 */
import type { Llama, LlamaGrammar } from 'node-llama-cpp';

import type { Piece } from './answer-text.js';
import { checkJsonSchema, jsonRules } from './json-grammar.js';
import type { ChatMessage, ToolCall, ToolDefinition } from './messages.js';

const noParameters = { type: 'object', properties: {} };
/** An absent or empty schema means no parameters. */
const parametersOf = ({ parameters = {} }: ToolDefinition): Readonly<Record<string, unknown>> =>
  Object.keys(parameters).length === 0 ? noParameters : parameters;

/** Puts a list of the tools before the conversation. */
export function withToolMessage(tools: readonly ToolDefinition[], messages: readonly ChatMessage[]): ChatMessage[] {
  const list = tools.map((tool) => {
    const { name, description } = tool;
    const about = description === undefined ? {} : { description };
    return JSON.stringify({ tool: name, ...about, arguments: parametersOf(tool) });
  });
  const content = [
    'You can call these tools:',
    ...list,
    'To call one, answer with nothing but one JSON object: {"tool": "<name>", "arguments": {…}}; to call several at once, with nothing but a JSON array of such objects. Otherwise answer in words.',
  ].join('\n');
  return [{ role: 'system', content }, ...messages];
}

/** In one answer: a model that repeats itself stops here. */
const maxCalls = 16;

/** One of the calls, several, or words that do not begin like one. */
export async function toolGrammar(llama: Llama, tools: readonly ToolDefinition[]): Promise<LlamaGrammar> {
  const calls = tools.map((tool, index) => {
    const parameters = parametersOf(tool);
    checkJsonSchema(parameters, `tools[${index}].parameters`);
    return { type: 'object', properties: { tool: { const: tool.name }, arguments: parameters } };
  });
  const { root, rules } = await jsonRules(llama, { oneOf: calls }, 'tools');
  const grammar = [
    `root ::= [ ]? ( call | "[" call ( "," [ ]? call ){0,${maxCalls - 1}} "]" | words )`,
    `call ::= ${root}`,
    'words ::= ( [^{[ \\t\\r\\n] | "[" [^{] ) .*',
    rules,
  ];
  return llama.createGrammar({ grammar: grammar.join('\n') });
}

/** Lets words through as they come, and holds calls back until they are complete. */
export class ToolCallSieve {
  #kept = '';
  #keptTokens = 0;
  /** Undefined while what came could begin either. */
  #isCall: boolean | undefined;
  readonly #already: string;

  /** @param already what the client holds from an earlier run; empty, unless the call was cut there */
  constructor(already = '') {
    this.#already = already;
    this.#decide(already);
  }

  /** Returns what may be sent now. */
  push({ text, tokens }: Piece): Piece {
    this.#kept += text;
    this.#keptTokens += tokens;
    this.#decide(this.#kept);
    return this.#isCall === false ? this.#release() : { text: '', tokens: 0 };
  }

  /** The answer is over: returns its calls, or, if there are none, the text held back. */
  end(): { readonly calls?: readonly ToolCall[]; readonly rest: Piece } {
    const calls = this.#isCall === true ? parseCalls(this.#already + this.#kept) : undefined;
    const rest = this.#release();
    return calls === undefined ? { rest } : { calls, rest: { text: '', tokens: rest.tokens } };
  }

  #decide(text: string): void {
    const begun = text.trimStart();
    if (begun !== '' && begun !== '[') this.#isCall ??= /^\[?\{/.test(begun);
  }

  #release(): Piece {
    const piece = { text: this.#kept, tokens: this.#keptTokens };
    this.#kept = '';
    this.#keptTokens = 0;
    return piece;
  }
}

/** All of them, or none: half of what was wanted may be worse than nothing. */
function parseCalls(text: string): readonly ToolCall[] | undefined {
  try {
    const calls = [JSON.parse(text) as unknown].flat().map(toCall);
    return calls.every((call) => call !== undefined) ? calls : undefined;
  } catch {
    return undefined; // cut short by its length or by a cancel
  }
}

const toCall = (value: unknown): ToolCall | undefined => {
  const { tool, arguments: given } = value as { tool?: unknown; arguments?: unknown };
  return typeof tool === 'string' ? { name: tool, arguments: given } : undefined;
};
