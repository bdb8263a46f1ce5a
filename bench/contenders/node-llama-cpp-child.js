/** The program that node-llama-cpp.js forks: one context, a pool of sequences, one answer per message. */
import process from 'node:process';
import { getLlama } from 'node-llama-cpp';

const { modelPath, threads, contextSize, sequences } = JSON.parse(process.argv[2] ?? '');
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, maxThreads: threads });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize, sequences, threads });
const free = Array.from({ length: sequences }, () => context.getSequence());

/** @typedef {import('../workload.js').Request & { id: number, watched: boolean }} Order */

/** Orders that are to end early. @type {Set<number>} */
const stopped = new Set();

/** @param {Order} order */
async function answer({ prompt, maxTokens, seed, id, watched }) {
  const sequence = free.pop();
  if (sequence === undefined) throw new Error('more requests at once than sequences');
  const started = performance.now();
  let firstTokenMs = NaN;
  let completionTokens = 0;
  let text = '';
  const tokens = [model.tokens.bos, ...model.tokenize(prompt)].filter((token) => token !== null);
  for await (const token of sequence.evaluate(tokens, { temperature: 0, seed, yieldEogToken: true })) {
    text += model.detokenize([token]); // a user of it would do that too
    if (completionTokens++ === 0) firstTokenMs = performance.now() - started;
    if (watched) process.send?.({ id, token: true });
    if (completionTokens === maxTokens || stopped.delete(id)) break;
  }
  const totalMs = performance.now() - started;
  await sequence.clearHistory();
  free.push(sequence);
  return { promptTokens: tokens.length, completionTokens, firstTokenMs, totalMs, text };
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (/** @type {Order & { stop?: true }} */ order) => {
  const { id, stop } = order;
  if (stop === true) return void stopped.add(id);
  try {
    process.send?.({ id, answer: await answer(order) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
process.send?.('ready');
