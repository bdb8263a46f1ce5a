/**
 * A client in a process of its own, for tests that put it on another host: `node asker.mjs <dist> <bootstrap> <identity hex>`.
 * Takes a JSON line for each thing to do, and prints one for each thing that happens:
 *
 *   {prompt, tokens, patienceMs}  asks; `{event: 'ended', text, worker, tries, standstillMs, askedMs}`, or `failed` with the error's code
 *   {..., cutAfter, cuts}         the same, and after so many tokens runs the command that `cuts` has for whoever answers: `cut` says who it was
 *
 * `known` tells the workers in sight whenever that changes. Ends with its input.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [dist, bootstrap, identity] = process.argv.slice(2);
const { keyPairFromSeed, QMeshClient } = await import(join(dist, 'index.js'));
const say = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const client = await QMeshClient.connect({ bootstrap, identity: keyPairFromSeed(Buffer.from(identity, 'hex')) });

let known = '';
const timer = setInterval(() => {
  const workers = client
    .workers()
    .filter(({ isFresh, status }) => isFresh && status.models.length > 0)
    .map(({ worker }) => worker)
    .sort();
  if (workers.join() === known) return;
  known = workers.join();
  say('known', { workers, atMs: Date.now() });
}, 20);

async function ask({ prompt, tokens, patienceMs = 60_000, cutAfter = Infinity, cuts = {} }) {
  const askedAtMs = Date.now();
  let [worker, said, cutAtMs, standstillMs, hasMoved] = ['', 0, 0, null, false];
  const stream = client.stream(
    { prompt, options: { maxTokens: tokens, temperature: 0 }, patienceMs },
    { onWorker: (asked) => ([worker, hasMoved] = [asked, cutAtMs > 0]) },
  );
  try {
    for await (const chunk of stream) {
      said += chunk.tokens;
      if (hasMoved) standstillMs ??= Date.now() - cutAtMs;
      if (said < cutAfter || cutAtMs > 0) continue;
      const [program, ...args] = cuts[worker];
      spawnSync(program, args);
      cutAtMs = Date.now();
      say('cut', { worker });
    }
    const { text, tries, worker: last } = await stream.result;
    const failures = tries.map(({ failure }) => failure?.code ?? null);
    say('ended', { text, worker: last, failures, standstillMs, askedMs: Date.now() - askedAtMs, atMs: Date.now() });
  } catch ({ code, message }) {
    say('failed', { code, message });
  }
}

for await (const line of createInterface({ input: process.stdin })) await ask(JSON.parse(line));
clearInterval(timer);
await client.close();
