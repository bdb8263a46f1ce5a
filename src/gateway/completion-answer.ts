/** Answers of `/v1/completions`: text, either whole or in chunks of the same shape. */
import type { Asked } from './asked.js';
import { usageOf, type AnswerForm, type Head } from './answer-form.js';

export function completionForm({ n, includeUsage }: Pick<Asked, 'n' | 'includeUsage'>): AnswerForm {
  const headed = ({ id, created, model, fingerprint }: Head) => ({
    id,
    object: 'text_completion',
    created,
    model,
    system_fingerprint: fingerprint,
  });
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
      usage: usageOf(ended, n),
    }),
    events: (head, piece) => {
      const told =
        'end' in piece ? choice(piece.index, '', piece.end.finishReason) : choice(piece.index, piece.text, null);
      return [{ ...headed(head), choices: [told], ...noUsage }];
    },
    usageEvent: (head, ended) => ({ ...headed(head), choices: [], usage: usageOf(ended, n) }),
  };
}
