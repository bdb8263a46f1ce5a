/**
 * Tools and tool choice. With `auto` the model decides at the worker whether to call a tool. A call that the program
 * forces is requested as an answer that follows a JSON schema, in the format in which workers make models write calls.
 */
import { z } from 'zod';
import type { AskRequest } from '../client/client.js';
import { limits } from '../protocol/limits.js';
import { badParameter, unsupportedParameter } from './api-error.js';
import { workable, type Schema } from './json-schema.js';
import { given, isObject } from './parameters.js';

export type Tool = NonNullable<AskRequest['tools']>[number];

const toolName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 of a-z, A-Z, 0-9, _ and -');

export const tools = z
  .array(
    z.object({
      type: z.literal('function', { error: 'must be "function": workers have no other tools' }),
      function: z.object({
        name: toolName,
        description: z.string().nullish(),
        parameters: z.unknown().optional(),
        strict: z.boolean().nullish(),
      }),
    }),
  )
  .max(limits.maxTools);

const oneTool = z.object({ type: z.literal('function'), function: z.object({ name: toolName }) });

export const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    oneTool,
    z.object({
      type: z.literal('allowed_tools'),
      allowed_tools: z.object({
        mode: z.enum(['auto', 'required']),
        tools: z.array(oneTool).min(1).max(limits.maxTools),
      }),
    }),
  ],
  { error: 'must be "none", "auto", "required", or {"type": "function", "function": {"name": …}}' },
);

type ToolChoice = z.infer<typeof toolChoice>;

/** The available tools, and those that must be called. */
export interface ToolWish {
  /** The model may call one of these. */
  readonly offered: readonly Tool[];
  /** It must call one of these. */
  readonly forced: readonly Tool[];
}

export function toolWish(listed: z.infer<typeof tools> | undefined, choice: ToolChoice = 'auto'): ToolWish {
  const known = (listed ?? []).map(({ function: { name, description, parameters, strict } }, index): Tool => {
    const param = `tools[${index}].function.parameters`;
    const schema =
      parameters === undefined || parameters === null ? undefined : workable(parameters, param, strict === true);
    return { name, ...given({ description: description ?? undefined, parameters: schema }) };
  });
  const { mode, names, param } = wanted(choice);
  if (mode === 'none') return { offered: [], forced: [] };
  const unknown = names?.find((name) => !known.some((tool) => tool.name === name));
  if (unknown !== undefined) throw badParameter(param, `is ${unknown}, which is not one of the tools`);
  const meant = known.filter(({ name }) => names?.includes(name) ?? true);
  if (mode === 'auto') return { offered: meant, forced: [] };
  if (meant.length === 0) throw badParameter(param, 'is "required", but there are no tools');
  return { offered: [], forced: meant };
}

interface Wanted {
  readonly mode: 'none' | 'auto' | 'required';
  /** Only these tools. */
  readonly names?: readonly string[];
  readonly param: string;
}

function wanted(choice: ToolChoice): Wanted {
  if (typeof choice === 'string') return { mode: choice, param: 'tool_choice' };
  if (choice.type === 'function')
    return { mode: 'required', names: [choice.function.name], param: 'tool_choice.function.name' };
  const { mode, tools } = choice.allowed_tools;
  return { mode, names: tools.map((tool) => tool.function.name), param: 'tool_choice.allowed_tools.tools' };
}

/** A tool without parameters takes none. */
const noParameters: Schema = { type: 'object', properties: {} };

/** The request that forces a call of one of `forced`. */
export function forcing(forced: readonly Tool[], request: AskRequest): AskRequest {
  if (request.options?.jsonSchema !== undefined)
    throw unsupportedParameter('response_format', 'is not supported together with a tool that must be called');
  const calls = forced.map(({ name, parameters = noParameters }) => ({
    type: 'object',
    properties: { tool: { const: name }, arguments: parameters },
  }));
  const list = forced.map(({ name, description, parameters = noParameters }) =>
    JSON.stringify({ tool: name, ...given({ description }), arguments: parameters }),
  );
  const content = [
    forced.length === 1 ? 'You must call this tool:' : 'You must call one of these tools:',
    ...list,
    'Answer with nothing but one JSON object: {"tool": "<name>", "arguments": {…}}.',
  ].join('\n');
  return {
    ...request,
    messages: [{ role: 'system', content }, ...(request.messages ?? [])],
    options: { ...request.options, jsonSchema: calls.length === 1 ? (calls[0] as Schema) : { oneOf: calls } },
  };
}

export interface Call {
  readonly name: string;
  readonly arguments: unknown;
}

/** The call in such an answer; undefined if the answer was cut short. */
export function forcedCall(text: string): Call | undefined {
  const call = parsed(text);
  return isObject(call) && typeof call.tool === 'string' ? { name: call.tool, arguments: call.arguments } : undefined;
}

/** The calls of an earlier turn, as the model would have written them. */
export function writtenCalls(calls: readonly { readonly name: string; readonly arguments: string }[]): string {
  const written = calls.map(({ name, arguments: args }) => ({ tool: name, arguments: parsed(args) ?? args }));
  return JSON.stringify(written.length === 1 ? written[0] : written);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
