/**
 * Tools for any model: a system message says what there is, and a grammar holds the answer to either free text or
 * well-formed calls: one, `{"tool": …, "arguments": {…}}`, or an array of them, the arguments as the tool's schema wants them. An
 * answer that begins with `{` or `[{` is calls; it is not streamed, and is given whole at the end. Whether there are several is
 * settled by the first character, so that a model which wanted one is never led on to the next.
 */
import type { Llama, LlamaGrammar } from 'node-llama-cpp';

import type { Piece } from './answer-text.js';
import { checkJsonSchema, jsonRules } from './json-grammar.js';
import type { ChatMessage, ToolCall, ToolDefinition } from './messages.js';

const noParameters = { type: 'object', properties: {} };
/** None, or a schema that says nothing: there are none. */
const parametersOf = ({ parameters = {} }: ToolDefinition): Readonly<Record<string, unknown>> =>
  Object.keys(parameters).length === 0 ? noParameters : parameters;

/** Says to the model which tools there are, before all else that is said. */
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

/** Calls in one answer: a model that repeats itself ends here. */
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

/** Lets words through as they come, and keeps calls until they are complete. */
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

  /** Returns what may leave now. */
  push({ text, tokens }: Piece): Piece {
    this.#kept += text;
    this.#keptTokens += tokens;
    this.#decide(this.#kept);
    return this.#isCall === false ? this.#release() : { text: '', tokens: 0 };
  }

  /** The answer is over: its calls, or what was kept, as text, because it came to none. */
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
