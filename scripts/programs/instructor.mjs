/** Instructor: answers as objects of zod, in those of its modes that say what they want in the request. */
import Instructor from '@instructor-ai/instructor';
import OpenAI from 'openai';
import { z } from 'zod';
import { baseUrl, end, holds, model, question, refused, tried } from './tried.mjs';

const openai = new OpenAI({ baseURL: baseUrl, apiKey: 'any', maxRetries: 0 });
const ask = (mode, more = {}) =>
  Instructor({ client: openai, mode }).chat.completions.create({
    model,
    max_tokens: 200,
    messages: [{ role: 'user', content: question }],
    response_model: { schema: z.object({ next: z.number().int(), isDone: z.boolean() }), name: 'Next' },
    max_retries: 0,
    ...more,
  });

for (const mode of ['TOOLS', 'JSON_SCHEMA'])
  await tried(mode, async () => {
    const answer = await ask(mode);
    holds(Number.isInteger(answer.next), answer);
  });
await tried('TOOLS, streamed', async () => {
  let last;
  for await (const part of await ask('TOOLS', { stream: true })) last = part;
  holds(Number.isInteger(last?.next), last);
});
await refused('FUNCTIONS', /replaced by `tools`/, () => ask('FUNCTIONS'));
end();
