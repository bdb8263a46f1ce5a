/**
 * Prints an answer as it is made, and stops it on Ctrl-C or after ten seconds: `node examples/streaming-client.js "count from 5"`.
 *
 * Cancelling is not an error: the stream ends, and the result's finishReason is `cancelled`.
 */
import process from 'node:process';
import { QMeshClient } from 'qmesh';

const prompt = process.argv[2] ?? 'count from 5';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
setTimeout(() => stop.abort(), 10_000).unref();

const client = await QMeshClient.connect();
try {
  const stream = client.stream({ prompt, options: { temperature: 0 } }, { signal: stop.signal });
  for await (const chunk of stream) process.stdout.write(chunk.text);
  const { finishReason, usage } = await stream.result;
  console.error(`\n${usage?.completionTokens ?? 0} tokens (${finishReason})`);
} finally {
  await client.close();
}
