/** llama.cpp's own server, if LLAMA_SERVER names its binary: streamed completions over HTTP on loopback, cache off. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import process from 'node:process';
import { endWithUs } from '../children.js';
import { measureLoad } from '../workload.js';

const startDeadlineMs = 60_000;
const pollMs = 50;

/** @returns {string | undefined} */
export function llamaServerBinary() {
  return process.env.LLAMA_SERVER || undefined;
}

/**
 * @param {import('../context.js').Context} context
 * @param {string} binary
 * @returns {import('../workload.js').Asked & { pid: () => number }}
 */
export function llamaServer({ modelPath, load, threads }, binary) {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  let url = '';

  /** @type {import('../workload.js').Ask} */
  const ask = async ({ prompt, maxTokens, seed }, { onTokens, signal } = {}) => {
    const started = performance.now();
    const response = await fetch(`${url}/completion`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        prompt,
        n_predict: maxTokens,
        seed,
        temperature: 0,
        stream: true,
        cache_prompt: false,
        ignore_eos: true,
      }),
    });
    if (!response.ok || response.body === null)
      throw new Error(`llama-server: ${response.status} ${await response.text()}`);
    let firstTokenMs = NaN;
    let heard = 0;
    for await (const event of serverSentEvents(response.body)) {
      if (Number.isNaN(firstTokenMs) && event.tokens_predicted !== 0) firstTokenMs = performance.now() - started;
      if (event.stop !== true) {
        heard++;
        onTokens?.(1);
        if (signal?.aborted !== true) continue;
        return { promptTokens: NaN, completionTokens: heard, firstTokenMs, totalMs: performance.now() - started };
      }
      const [promptTokens, completionTokens] = [Number(event.tokens_evaluated), Number(event.tokens_predicted)];
      return { promptTokens, completionTokens, firstTokenMs, totalMs: performance.now() - started };
    }
    throw new Error('llama-server ended a stream without its last event');
  };

  return {
    name: 'llama-server',
    ask,
    pid: () => child?.pid ?? 0,
    async start() {
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      const slots = ['-np', String(load.slots), '-c', String(load.slots * load.contextSize)];
      const compute = ['-t', String(threads), '-tb', String(threads), '-ngl', '0'];
      const args = [
        '-m',
        modelPath,
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        ...slots,
        ...compute,
        '--no-webui',
        '--cache-ram',
        '0',
      ];
      child = endWithUs(spawn(binary, args, { stdio: 'ignore' }));
      const deadline = performance.now() + startDeadlineMs;
      while (!(await isHealthy(url))) {
        if (child.exitCode !== null) throw new Error(`${binary} ended with ${child.exitCode}: ${args.join(' ')}`);
        if (performance.now() > deadline) throw new Error(`${binary} was not ready within ${startDeadlineMs} ms`);
        await delay(pollMs);
      }
    },
    measure: (round) => measureLoad(ask, load, round),
    async stop() {
      if (child === undefined || child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** @param {string} url */
async function isHealthy(url) {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<Record<string, unknown>>}
 */
async function* serverSentEvents(body) {
  let buffered = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const lines = (buffered + chunk).split('\n');
    buffered = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: {')) yield JSON.parse(line.slice('data: '.length));
  }
}
