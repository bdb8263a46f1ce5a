/** LangChain with its OpenAI package. */
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { createAgent } from 'langchain';
import { z } from 'zod';
import { baseUrl, counted, end, holds, model as name, question, refused, tried } from './tried.mjs';

const configuration = { baseURL: baseUrl };
const model = new ChatOpenAI({ model: name, apiKey: 'any', configuration, maxTokens: 6, maxRetries: 0 });
const longer = new ChatOpenAI({ model: name, apiKey: 'any', configuration, maxTokens: 200, maxRetries: 0 });
const schema = z.object({ mood: z.enum(['good', 'bad']) });
const look = tool(async () => 'looked', { name: 'look', description: 'Looks.', schema });

await tried('invoke', async () => {
  const { content } = await model.invoke(question);
  holds(counted.test(String(content)), content);
});
await tried('stream', async () => {
  let text = '';
  for await (const { content } of await model.stream(question)) text += content;
  holds(counted.test(text), text);
});
await tried('batch', async () => {
  const answers = await model.batch([question, question]);
  holds(answers.length === 2 && answers.every(({ content }) => counted.test(String(content))), answers);
});
for (const method of ['jsonSchema', 'functionCalling'])
  await tried(`withStructuredOutput, ${method}`, async () => {
    const { mood } = await longer.withStructuredOutput(schema, { method }).invoke(question);
    holds(['good', 'bad'].includes(mood), mood);
  });
await tried('bindTools, any', async () => {
  const { tool_calls: calls } = await longer.bindTools([look], { tool_choice: 'any' }).invoke(question);
  holds(calls?.[0]?.name === 'look', calls);
});
await tried('createAgent', async () => {
  const { messages } = await createAgent({ model, tools: [look] }).invoke({
    messages: [{ role: 'user', content: question }],
  });
  holds(counted.test(String(messages.at(-1)?.content)), messages.at(-1)?.content);
});
await tried('abort', async () => {
  const endless = new ChatOpenAI({ model: name, apiKey: 'any', configuration, maxRetries: 0 });
  const error = await endless.invoke(question, { signal: AbortSignal.timeout(200) }).catch((each) => each);
  holds(/abort|timeout|timed out/i.test(`${error?.name} ${error?.message}`), String(error));
});
await refused('logprobs', /logprobs/, () =>
  new ChatOpenAI({ model: name, apiKey: 'any', configuration, logprobs: true, maxRetries: 0 }).invoke(question),
);
await refused('OpenAIEmbeddings', /no embeddings/, () =>
  new OpenAIEmbeddings({ apiKey: 'any', configuration, maxRetries: 0 }).embedQuery('x'),
);
end();
