/** The AI SDK with its provider for servers like this one. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, streamObject, streamText, tool } from 'ai';
import { z } from 'zod';
import { baseUrl, counted, end, holds, model as name, question as prompt, refused, tried } from './tried.mjs';

const qmesh = createOpenAICompatible({
  name: 'qmesh',
  baseURL: baseUrl,
  apiKey: 'any',
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = qmesh(name);
const maxOutputTokens = 6;
const schema = z.object({ mood: z.enum(['good', 'bad']) });

await tried('generateText', async () => {
  const { text, usage } = await generateText({ model, prompt, maxOutputTokens });
  holds(counted.test(text) && usage.outputTokens === 6, [text, usage]);
});
await tried('streamText', async () => {
  let text = '';
  const { textStream, usage } = streamText({ model, prompt, maxOutputTokens });
  for await (const piece of textStream) text += piece;
  holds(counted.test(text) && (await usage).outputTokens === 6, text);
});
await tried('generateObject', async () => {
  const { object } = await generateObject({ model, prompt, schema });
  holds(['good', 'bad'].includes(object.mood), object);
});
await tried('streamObject', async () => {
  const { object, partialObjectStream } = streamObject({ model, prompt, schema });
  for await (const _ of partialObjectStream); // nothing comes where nobody reads
  holds(['good', 'bad'].includes((await object).mood), await object);
});
await tried('a tool that must be called', async () => {
  let called = 0;
  const look = tool({ description: 'Looks.', inputSchema: schema, execute: async () => `looked ${++called}` });
  const { toolCalls } = await generateText({ model, prompt, tools: { look }, toolChoice: 'required' });
  holds(toolCalls[0]?.toolName === 'look' && called === 1, toolCalls);
});
await tried('abort', async () => {
  const abortSignal = AbortSignal.timeout(200);
  const error = await generateText({ model, prompt, abortSignal }).catch((each) => each);
  holds(/abort|timeout/i.test(`${error?.name} ${error?.message}`), String(error));
});
await refused('a model that nobody serves', /serves nobody-has/, () =>
  generateText({ model: qmesh('nobody-has'), prompt, maxRetries: 0 }),
);
end();
