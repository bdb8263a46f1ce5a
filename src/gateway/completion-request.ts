/** `POST /v1/completions`: continues raw text, without a chat template around it. */
import { z } from 'zod';
import { badParameter } from './api-error.js';
import { assertFits, type Asked } from './asked.js';
import { choicesOf, maxChoices, read, refused, samplingOf, shared, snakeCase, streamingOf } from './parameters.js';

const body = z.strictObject({
  ...shared,
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(maxChoices)], {
    error: `must be a text, or a list of at most ${maxChoices} texts; workers do not take tokens`,
  }),
  echo: refused('prepend the prompt yourself', false),
  suffix: refused('workers continue a text, and cannot fill a gap'),
  logprobs: refused('workers do not report probabilities'),
  best_of: refused('ask for more choices with `n`', 1),
});

/** @throws ApiError that names the parameter */
export function readCompletion(given: unknown): Asked {
  const asked = read(body, given);
  const { n = 1, model } = asked;
  const prompts = typeof asked.prompt === 'string' ? [asked.prompt] : asked.prompt;
  if (prompts.length * n > maxChoices)
    throw badParameter('n', `times the number of prompts must be at most ${maxChoices}`);
  const requests = prompts.flatMap((prompt) =>
    choicesOf({ prompt, ...(model === undefined ? {} : { model }), options: samplingOf(asked) }, n),
  );
  requests.forEach(assertFits);
  const rename = (field: string): string => field.replace(/^options\.(\w+)/, (_, name: string) => snakeCase(name));
  return { requests, n, model, ...streamingOf(asked), isCall: false, maxCalls: 0, rename };
}
