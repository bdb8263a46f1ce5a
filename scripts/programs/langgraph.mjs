/** LangGraph: a graph with memory, and its agent. */
import { tool } from '@langchain/core/tools';
import { MemorySaver, MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { createReactAgent } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { baseUrl, counted, end, holds, model as name, question, tried } from './tried.mjs';

const asking = (maxTokens) =>
  new ChatOpenAI({ model: name, apiKey: 'any', configuration: { baseURL: baseUrl }, maxTokens, maxRetries: 0 });
const llm = asking(12);
const graph = new StateGraph(MessagesAnnotation)
  .addNode('answer', async ({ messages }) => ({ messages: [await llm.invoke(messages)] }))
  .addEdge('__start__', 'answer')
  .addEdge('answer', '__end__')
  .compile({ checkpointer: new MemorySaver() });
const thread = { configurable: { thread_id: '1' } };
const said = (content) => ({ messages: [{ role: 'user', content }] });
const holdsCount = (text) => holds(counted.test(String(text)), text);
const look = tool(async () => 'looked', {
  name: 'look',
  description: 'Looks.',
  schema: z.object({ times: z.number() }),
});

await tried('a graph', async () => holdsCount((await graph.invoke(said(question), thread)).messages.at(-1)?.content));
await tried('its memory', async () => {
  const { messages } = await graph.invoke(said('count from 50'), thread);
  holds(messages.length === 4 && /^51 52/.test(String(messages.at(-1)?.content)), messages);
});
await tried('a stream of messages', async () => {
  let text = '';
  for await (const [chunk] of await graph.stream(said(question), { ...thread, streamMode: 'messages' }))
    text += chunk.content;
  holdsCount(text);
});
await tried('createReactAgent', async () => {
  const { messages } = await createReactAgent({ llm, tools: [look] }).invoke(said(question));
  holdsCount(messages.at(-1)?.content);
});
await tried('createReactAgent with responseFormat', async () => {
  const agent = createReactAgent({ llm: asking(60), tools: [look], responseFormat: z.object({ next: z.number() }) });
  const { structuredResponse } = await agent.invoke(said(question));
  holds(typeof structuredResponse.next === 'number', structuredResponse);
});
end();
