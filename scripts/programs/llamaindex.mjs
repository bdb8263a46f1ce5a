/** LlamaIndex with its OpenAI package. */
import { OpenAI, OpenAIEmbedding } from '@llamaindex/openai';
import { agent } from '@llamaindex/workflow';
import { tool } from 'llamaindex';
import { z } from 'zod';
import { baseUrl, counted, end, holds, model as name, question, refused, tried } from './tried.mjs';

const llm = new OpenAI({ model: name, apiKey: 'any', baseURL: baseUrl, maxTokens: 6, maxRetries: 0 });
const longer = new OpenAI({ model: name, apiKey: 'any', baseURL: baseUrl, maxTokens: 200, maxRetries: 0 });
const messages = [{ role: 'user', content: question }];
const schema = z.object({ mood: z.enum(['good', 'bad']) });

await tried('complete', async () => {
  const { text } = await llm.complete({ prompt: question });
  holds(counted.test(text), text);
});
await tried('chat', async () => {
  const { message } = await llm.chat({ messages });
  holds(counted.test(String(message.content)), message);
});
await tried('chat, streamed', async () => {
  let text = '';
  for await (const { delta } of await llm.chat({ messages, stream: true })) text += delta;
  holds(counted.test(text), text);
});
await tried('responseFormat', async () => {
  const { message } = await longer.chat({ messages, responseFormat: schema });
  holds(['good', 'bad'].includes(JSON.parse(String(message.content)).mood), message);
});
await tried('agent', async () => {
  const look = tool({ name: 'look', description: 'Looks.', parameters: schema, execute: async () => 'looked' });
  const { data } = await agent({ llm, tools: [look] }).run(question);
  holds(counted.test(String(data.result)), data.result);
});
await refused('OpenAIEmbedding', /no embeddings/, () =>
  new OpenAIEmbedding({ apiKey: 'any', baseURL: baseUrl, maxRetries: 0 }).getTextEmbedding('x'),
);
end();
