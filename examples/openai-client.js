/**
 * Asks the mesh with OpenAI's own library: `qmesh serve` in one terminal, `node examples/openai-client.js "count from 5"` in another.
 *
 * Any program that speaks this API works the same way: give it this address, and any key.
 */
import process from 'node:process';
import OpenAI from 'openai';

const prompt = process.argv[2] ?? 'count from 5';

const openai = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8080/v1',
  apiKey: process.env.OPENAI_API_KEY ?? 'none is needed on this machine',
});

const { data: models } = await openai.models.list();
const model = models[0]?.id;
if (model === undefined) throw new Error('No worker serves a model. Start one: qmesh worker');

const stream = await openai.chat.completions.create({
  model,
  messages: [{ role: 'user', content: prompt }],
  max_tokens: 32,
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
process.stdout.write('\n');
