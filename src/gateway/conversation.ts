/** A conversation in OpenAI's format, translated into the mesh's: roles and text, message by message. */
import { z } from 'zod';
import type { AskRequest } from '../client/client.js';
import { limits } from '../protocol/limits.js';
import { isObject } from './parameters.js';
import { writtenCalls } from './tools.js';

type Message = NonNullable<AskRequest['messages']>[number];

/** The text of a part; undefined if it has none. The refusal text of an earlier answer counts as text. */
function textOf(part: unknown): string | undefined {
  if (!isObject(part)) return undefined;
  const said = part.type === 'text' ? part.text : part.type === 'refusal' ? part.refusal : undefined;
  return typeof said === 'string' ? said : undefined;
}

/**
 * Text, or parts of text. Anything else is refused: a program that sends a picture must not get an answer that ignores
 * it.
 */
const content = z
  .unknown()
  .optional()
  .transform((value, context): string => {
    if (typeof value === 'string') return value;
    const parts: unknown[] = Array.isArray(value) ? value : [];
    const texts = parts.map(textOf);
    const bad = texts.indexOf(undefined);
    if (Array.isArray(value) && bad < 0) return texts.join('\n');
    const part = parts[bad];
    const other = isObject(part) && typeof part.type === 'string' && part.type !== 'text' ? part.type : undefined;
    const message =
      other === undefined
        ? 'must be text, or a list of {"type": "text", "text": …}'
        : `is "${other}"; workers read only text`;
    const path = bad < 0 ? [] : other === undefined ? [bad] : [bad, 'type'];
    context.issues.push({ code: 'custom', message, path, input: value });
    return z.NEVER;
  });

/** An answer that consists only of tool calls has no content. */
const contentOrNone = z.preprocess((value) => value ?? '', content);

const toolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string().min(1).max(limits.maxNameChars), arguments: z.string() }),
});

const roles = {
  system: z.object({ role: z.literal('system'), content }),
  /** Newer models' name for the system role. */
  developer: z.object({ role: z.literal('developer'), content }),
  user: z.object({ role: z.literal('user'), content }),
  assistant: z.object({
    role: z.literal('assistant'),
    content: contentOrNone,
    tool_calls: z.array(toolCall).max(limits.maxToolCalls).nullish(),
  }),
  tool: z.object({ role: z.literal('tool'), content, tool_call_id: z.string() }),
};

const message = z
  .discriminatedUnion('role', [roles.system, roles.developer, roles.user, roles.assistant, roles.tool], {
    error: ({ input }) =>
      isObject(input) ? 'must be system, developer, user, assistant or tool' : 'must be a message',
  })
  .transform((said): Message => {
    if (said.role === 'developer') return { role: 'system', content: said.content };
    if (said.role !== 'assistant') return { role: said.role, content: said.content };
    const calls = (said.tool_calls ?? []).map((call) => call.function);
    const parts = [said.content, calls.length === 0 ? '' : writtenCalls(calls)];
    return { role: 'assistant', content: parts.filter((part) => part !== '').join('\n') };
  });

/** The length is checked first: a million bad messages must not produce a million issues. */
export const conversation = z.array(z.unknown()).min(1).max(limits.maxMessages).pipe(z.array(message));
