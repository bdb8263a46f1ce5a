/** `POST /v1/chat/completions`: its body, and the mesh request made from it. */
import { z } from 'zod';
import type { AskRequest } from '../client/client.js';
import { limits } from '../protocol/limits.js';
import { badParameter, unsupportedParameter } from './api-error.js';
import { assertFits, type Asked } from './asked.js';
import { conversation } from './conversation.js';
import { workable, type Schema } from './json-schema.js';
import { choicesOf, isObject, read, refused, samplingOf, shared, snakeCase, streamingOf } from './parameters.js';
import { forcing, toolChoice, tools, toolWish } from './tools.js';

const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('text') }),
    z.object({ type: z.literal('json_object'), schema: z.unknown().optional() }), // as in llama.cpp's own server
    z.object({
      type: z.literal('json_schema'),
      json_schema: z.object({
        name: z.string().nullish(),
        description: z.string().nullish(),
        strict: z.boolean().nullish(),
        schema: z.unknown().optional(),
      }),
    }),
  ],
  {
    error: ({ input }) => (isObject(input) ? 'must be text, json_object or json_schema' : 'must be an object'),
  },
);

const body = z.strictObject({
  ...shared,
  messages: conversation,
  max_completion_tokens: z.int().min(1).max(limits.maxTokens).exactOptional(),
  response_format: responseFormat.exactOptional(),
  tools: tools.exactOptional(),
  tool_choice: toolChoice.exactOptional(),
  parallel_tool_calls: z.boolean().exactOptional(),

  logprobs: refused('workers do not report probabilities', false),
  top_logprobs: refused('workers do not report probabilities', 0),
  modalities: refused('workers answer in text only', ['text']),
  audio: refused('workers answer in text only'),
  prediction: refused('workers cannot use a predicted answer'),
  web_search_options: refused('workers cannot search the web'),
  reasoning_effort: refused('workers cannot set how long a model thinks', 'none'),
  verbosity: refused('say it in the prompt', 'medium'),
  functions: refused('it was replaced by `tools`', []),
  function_call: refused('it was replaced by `tool_choice`', 'none'),
});

type Body = z.infer<typeof body>;

/** @throws ApiError that names the parameter */
export function readChat(given: unknown): Asked {
  const asked = read(body, given);
  const { offered, forced } = toolWish(asked.tools, asked.tool_choice);
  const { schema: jsonSchema, param: schemaAt } = schemaOf(asked);
  if (jsonSchema !== undefined && offered.length > 0)
    throw unsupportedParameter(
      'response_format',
      'is not supported together with tools: an answer can follow only one of them',
    );
  const request: AskRequest = {
    messages: asked.messages,
    ...(asked.model === undefined ? {} : { model: asked.model }),
    ...(offered.length === 0 ? {} : { tools: [...offered] }),
    options: { ...samplingOf(asked, maxTokensOf(asked)), ...(jsonSchema && { jsonSchema }) },
  };
  const whole = forced.length === 0 ? request : forcing(forced, request);
  assertFits(whole);
  const forcedAt = forced.map(({ name }) => (asked.tools ?? []).findIndex((tool) => tool.function.name === name));
  const { n = 1 } = asked;
  return {
    requests: choicesOf(whole, n),
    n,
    model: asked.model,
    ...streamingOf(asked),
    isCall: forced.length > 0,
    maxCalls: asked.parallel_tool_calls === false ? 1 : limits.maxToolCalls,
    rename: (field) => renamed(field, forcedAt, schemaAt),
  };
}

function maxTokensOf({ max_tokens: older, max_completion_tokens: newer }: Body): number | undefined {
  if (older !== undefined && newer !== undefined && older !== newer)
    throw badParameter('max_tokens', 'differs from max_completion_tokens; give only one of them');
  return newer ?? older;
}

/** Any object. */
const anyObject: Schema = { type: 'object', additionalProperties: true };

/** The schema the answer must follow, and where the program gave it. */
function schemaOf({ response_format: format }: Body): { readonly schema?: Schema; readonly param: string } {
  if (format?.type === 'json_schema') {
    const param = 'response_format.json_schema.schema';
    const { schema, strict } = format.json_schema;
    return { param, schema: workable(schema ?? true, param, strict === true) };
  }
  const param = 'response_format.schema';
  if (format?.type !== 'json_object') return { param };
  return { param, schema: format.schema === undefined ? anyObject : workable(format.schema, param, false) };
}

/**
 * @param forcedAt indexes, among all tools, of those of which one must be called
 * @param schemaAt where the program gave the schema of its answer
 */
function renamed(field: string, forcedAt: readonly number[], schemaAt: string): string {
  const call = /^options\.jsonSchema(?:\.oneOf\[(\d+)\])?\.properties\.arguments(?<rest>.*)$/.exec(field);
  if (forcedAt.length > 0 && call !== null)
    return `tools[${forcedAt[Number(call[1] ?? 0)] ?? 0}].function.parameters${call.groups?.rest ?? ''}`;
  return field
    .replace(/^options\.jsonSchema/, schemaAt)
    .replace(/^(tools\[\d+\])\.parameters/, '$1.function.parameters')
    .replace(/^options\.(\w+)/, (_, name: string) => snakeCase(name));
}
