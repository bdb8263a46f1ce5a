/**
 * Tools for any model: a system message says what there is, and a grammar holds the answer to either free text or
 * one well-formed call, `{"tool": …, "arguments": {…}}`, its arguments as the tool's schema wants them. An answer that begins
 * with `{` is a call; it is not streamed, and is given whole at the end.
 */
import type { Llama, LlamaGrammar } from 'node-llama-cpp';

import type { Piece } from './answer-text.js';
import { checkJsonSchema, jsonRules } from './json-grammar.js';
import type { ChatMessage, ToolCall, ToolDefinition } from './messages.js';

const NO_PARAMETERS = { type: 'object', properties: {} };

/** Says to the model which tools there are, before all else that is said. */
export function withToolMessage(tools: readonly ToolDefinition[], messages: readonly ChatMessage[]): ChatMessage[] {
  const list = tools.map(({ name, description, parameters = NO_PARAMETERS }) =>
    JSON.stringify({ tool: name, ...(description === undefined ? {} : { description }), arguments: parameters }),
  );
  const content = [
    'You can call these tools:',
    ...list,
    'To call one, answer with nothing but one JSON object: {"tool": "<name>", "arguments": {…}}. Otherwise answer in words.',
  ].join('\n');
  return [{ role: 'system', content }, ...messages];
}

/** One of the calls, or words that do not begin like one. */
export async function toolGrammar(llama: Llama, tools: readonly ToolDefinition[]): Promise<LlamaGrammar> {
  const calls = tools.map(({ name, parameters = NO_PARAMETERS }, index) => {
    checkJsonSchema(parameters, `tools[${index}].parameters`);
    return { type: 'object', properties: { tool: { const: name }, arguments: parameters } };
  });
  const { root, rules } = await jsonRules(llama, { oneOf: calls }, 'tools');
  const words = '[^{ \\t\\r\\n] .*';
  return llama.createGrammar({ grammar: `root ::= [ ]? ( (${root}) | words )\nwords ::= ${words}\n${rules}` });
}

/** Lets words through as they come, and keeps a call until it is complete. */
export class ToolCallSieve {
  #kept = '';
  #keptTokens = 0;
  /** Undefined while nothing but white space came. */
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

  /** The answer is over: a complete call, or what was kept, as text, because it came to none. */
  end(): { readonly call?: ToolCall; readonly rest: Piece } {
    const call = this.#isCall === true ? parseCall(this.#already + this.#kept) : undefined;
    const rest = this.#release();
    return call === undefined ? { rest } : { call, rest: { text: '', tokens: rest.tokens } };
  }

  #decide(text: string): void {
    const first = text.trimStart().charAt(0);
    if (first !== '') this.#isCall ??= first === '{';
  }

  #release(): Piece {
    const piece = { text: this.#kept, tokens: this.#keptTokens };
    this.#kept = '';
    this.#keptTokens = 0;
    return piece;
  }
}

function parseCall(text: string): ToolCall | undefined {
  try {
    const { tool, arguments: given } = JSON.parse(text) as { tool?: unknown; arguments?: unknown };
    return typeof tool === 'string' ? { name: tool, arguments: given } : undefined;
  } catch {
    return undefined; // cut short by its length or by a cancel
  }
}
