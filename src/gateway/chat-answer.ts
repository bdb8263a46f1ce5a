/** Chat answers, whole or in chunks: text as it arrives, and each tool call in one piece, as the worker sends it. */
import { usageOf, type AnswerForm, type Head } from './answer-form.js';
import type { Asked } from './asked.js';
import type { Ended } from './choices.js';
import { forcedCall, type Call } from './tools.js';

/** @param newCallId creates the ID that the program's reply to a call refers to */
export function chatForm(
  { n, isCall, maxCalls, includeUsage }: Pick<Asked, 'n' | 'isCall' | 'maxCalls' | 'includeUsage'>,
  newCallId: () => string,
): AnswerForm {
  const begun = new Set<number>();
  const toolCalls = (ended: Ended) =>
    callsOf(ended, isCall)
      .slice(0, maxCalls)
      .map(({ name, arguments: args }) => ({
        id: newCallId(),
        type: 'function',
        function: { name, arguments: JSON.stringify(args ?? {}) },
      }));
  const headed = ({ id, created, model, fingerprint }: Head, object: string) => ({
    id,
    object,
    created,
    model,
    system_fingerprint: fingerprint,
  });
  const chunk = (head: Head, index: number, delta: object, finish_reason: string | null = null) => ({
    ...headed(head, 'chat.completion.chunk'),
    choices: [{ index, delta, logprobs: null, finish_reason }],
    ...(includeUsage && { usage: null }),
  });
  return {
    whole: (head, ended) => ({
      ...headed(head, 'chat.completion'),
      choices: ended.map((each) => {
        const calls = toolCalls(each);
        const content = calls.length > 0 && (isCall || each.text === '') ? null : each.text;
        return {
          index: each.index,
          message: { role: 'assistant', content, refusal: null, ...(calls.length > 0 && { tool_calls: calls }) },
          logprobs: null,
          finish_reason: finishReason(each, calls.length),
        };
      }),
      usage: usageOf(ended, n),
    }),

    events(head, piece) {
      const { index } = piece;
      const first = begun.has(index) ? [] : [chunk(head, index, { role: 'assistant', content: isCall ? null : '' })];
      begun.add(index);
      if (!('end' in piece)) return isCall ? first : [...first, chunk(head, index, { content: piece.text })];
      const calls = toolCalls(piece.end);
      const told = calls.length > 0 ? { tool_calls: calls.map((call, at) => ({ index: at, ...call })) } : undefined;
      const isCut = isCall && told === undefined && piece.end.text !== '';
      return [
        ...first,
        ...(isCut ? [chunk(head, index, { content: piece.end.text })] : []),
        ...(told === undefined ? [] : [chunk(head, index, told)]),
        chunk(head, index, {}, finishReason(piece.end, calls.length)),
      ];
    },

    usageEvent: (head, ended) => ({
      ...headed(head, 'chat.completion.chunk'),
      choices: [],
      usage: usageOf(ended, n),
    }),
  };
}

function callsOf({ text, toolCalls = [] }: Ended, isCall: boolean): readonly Call[] {
  if (!isCall) return toolCalls;
  const call = forcedCall(text);
  return call === undefined ? [] : [call];
}

const finishReason = ({ finishReason: reason }: Ended, calls: number): string => (calls > 0 ? 'tool_calls' : reason);
