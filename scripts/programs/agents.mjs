/** OpenAI's own Agents SDK, told to use chat completions. */
import { Agent, run, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import { baseUrl, counted, end, holds, model, question, tried } from './tried.mjs';

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ baseURL: baseUrl, apiKey: 'any', maxRetries: 0 }));
setOpenAIAPI('chat_completions');

const agent = (more = {}) =>
  new Agent({ name: 'counter', instructions: 'Be brief.', model, modelSettings: { maxTokens: 12 }, ...more });
const holdsCount = (answer) => holds(counted.test(String(answer)), answer);
let looked = 0;
const look = tool({
  name: 'look',
  description: 'Looks.',
  parameters: z.object({ times: z.number() }),
  execute: async () => `looked ${(looked += 1)}`,
});

await tried('run', async () => holdsCount((await run(agent(), question)).finalOutput));
await tried('stream', async () => {
  const stream = await run(agent(), question, { stream: true });
  let text = '';
  for await (const piece of stream.toTextStream()) text += piece;
  await stream.completed;
  holdsCount(text);
});
await tried('a tool that must be called', async () => {
  await run(agent({ tools: [look], modelSettings: { maxTokens: 80, toolChoice: 'required' } }), question);
  holds(looked > 0, looked);
});
await tried('outputType with zod', async () => {
  const outputType = z.object({ next: z.number(), isDone: z.boolean() });
  const { finalOutput } = await run(agent({ outputType, modelSettings: { maxTokens: 80 } }), question);
  holds(typeof finalOutput.next === 'number', finalOutput);
});
await tried('handoffs', async () =>
  holdsCount((await run(agent({ handoffs: [agent({ name: 'other' })] }), question)).finalOutput),
);
end();
