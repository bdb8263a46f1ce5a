/** Answers of `/v1/completions`: text, whole or in pieces that look like the whole. */
import { usageOf, type AnswerForm, type Head, type Usage } from './answer-form.js';

export function completionForm({ includeUsage }: { readonly includeUsage: boolean }): AnswerForm {
  const headed = ({ id, created, model }: Head) => ({ id, object: 'text_completion', created, model });
  const choice = (index: number, text: string, finish_reason: string | null) => ({
    index,
    text,
    logprobs: null,
    finish_reason,
  });
  const noUsage = includeUsage ? { usage: null } : {};
  return {
    whole: (head, ended) => ({
      ...headed(head),
      choices: ended.map(({ index, text, finishReason }) => choice(index, text, finishReason)),
      usage: usageOf(ended),
    }),
    events: (head, piece) => {
      const told =
        'end' in piece ? choice(piece.index, '', piece.end.finishReason) : choice(piece.index, piece.text, null);
      return [{ ...headed(head), choices: [told], ...noUsage }];
    },
    usageEvent: (head, usage: Usage) => ({ ...headed(head), choices: [], usage }),
  };
}
