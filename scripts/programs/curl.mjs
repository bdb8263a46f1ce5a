/** curl, and what a person types. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { baseUrl, counted, end, holds, question, tried } from './tried.mjs';

const run = promisify(execFile);
const ask = { messages: [{ role: 'user', content: question }], max_tokens: 5 };

/** @param {string[]} args */
const curl = async (...args) => (await run('curl', ['-sN', ...args])).stdout;
/** @param {object} body */
const post = (body) =>
  curl(`${baseUrl}/chat/completions`, '-H', 'Content-Type: application/json', '-d', JSON.stringify(body));

await tried('chat', async () => {
  const text = await post(ask);
  holds(counted.test(JSON.parse(text).choices[0].message.content), text);
});
await tried('stream', async () => {
  const text = await post({ ...ask, stream: true });
  const pieces = text.matchAll(/"content":"([^"]*)"/g);
  holds(counted.test([...pieces].map(([, piece]) => piece).join('')) && text.endsWith('data: [DONE]\n\n'), text);
});
await tried('models', async () => {
  const text = await curl(`${baseUrl}/models`);
  holds(JSON.parse(text).data.length === 1, text);
});
await tried('an error that says what to do', async () => {
  const text = await post({ ...ask, temprature: 1 });
  holds(/did you mean temperature/.test(JSON.parse(text).error.message), text);
});
end();
