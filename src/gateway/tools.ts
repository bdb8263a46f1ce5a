/**
 * Tools, and the choice of one. Whether a tool is called is the model's to choose at a worker (`auto`); a call that the program
 * insists on is asked for as an answer that fits a JSON schema, in the form in which workers have models write a call.
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

export const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.object({ type: z.literal('function'), function: z.object({ name: toolName }) }),
  ],
  { error: 'must be "none", "auto", "required", or {"type": "function", "function": {"name": …}}' },
);

/** What there is, and what of it must be called. */
export interface ToolWish {
  /** The model may call one of these. */
  readonly offered: readonly Tool[];
  /** It must call one of these. */
  readonly forced: readonly Tool[];
}

export function toolWish(
  listed: z.infer<typeof tools> | undefined,
  choice: z.infer<typeof toolChoice> = 'auto',
): ToolWish {
  const known = (listed ?? []).map(({ function: { name, description, parameters, strict } }, index): Tool => {
    const param = `tools[${index}].function.parameters`;
    const schema =
      parameters === undefined || parameters === null ? undefined : workable(parameters, param, strict === true);
    return { name, ...given({ description: description ?? undefined, parameters: schema }) };
  });
  if (choice === 'none') return { offered: [], forced: [] };
  if (choice === 'auto') return { offered: known, forced: [] };
  const forced = choice === 'required' ? known : known.filter(({ name }) => name === choice.function.name);
  if (forced.length > 0) return { offered: [], forced };
  if (choice === 'required') throw badParameter('tool_choice', 'is "required", and there are no tools');
  throw badParameter('tool_choice.function.name', `is ${choice.function.name}, which is none of the tools`);
}

/** Without parameters a tool takes none. */
const noParameters: Schema = { type: 'object', properties: {} };

/** The request for a call of one of `forced`. */
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

/** The call that such an answer is; undefined where it was cut short. */
export function forcedCall(text: string): Call | undefined {
  const call = parsed(text);
  return isObject(call) && typeof call.tool === 'string' ? { name: call.tool, arguments: call.arguments } : undefined;
}

/** A call of an earlier turn, as the model itself would have written it. */
export const writtenCall = (name: string, args: string): string =>
  JSON.stringify({ tool: name, arguments: parsed(args) ?? args });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
