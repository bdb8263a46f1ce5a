/**
 * node-llama-cpp used as documented, in its own process, with QMesh's threads, sequences and context. That process
 * takes the times, so none of our code lies between it and its figures.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { measureLoad } from '../workload.js';

const program = fileURLToPath(new URL('node-llama-cpp-child.js', import.meta.url));

/**
 * @param {import('../context.js').Context} context
 * @param {{ poolThreads?: number }} [options] size of libuv's pool, on which llama.cpp decodes; Node's default is 4
 * @returns {import('../workload.js').Asked}
 */
export function nodeLlamaCpp({ modelPath, load, threads }, { poolThreads } = {}) {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  /** @typedef {import('../workload.js').Answer} Answer */
  /** @type {Map<number, { resolve: (answer: Answer) => void, reject: (error: Error) => void, onToken?: () => void }>} */
  const waiting = new Map();
  let lastId = 0;

  /** @type {import('../workload.js').Ask} */
  const ask = (request, { onTokens, signal } = {}) => {
    const id = ++lastId;
    child?.send({ ...request, id, watched: onTokens !== undefined });
    signal?.addEventListener('abort', () => child?.send({ id, stop: true }));
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject, onToken: () => onTokens?.(1) }));
  };

  return {
    ask,
    name: poolThreads === undefined ? 'node-llama-cpp' : `node-llama-cpp (pool ${poolThreads})`,
    async start() {
      const pool = poolThreads === undefined ? {} : { UV_THREADPOOL_SIZE: String(poolThreads) };
      const settings = JSON.stringify({ modelPath, threads, contextSize: load.contextSize, sequences: load.slots });
      child = fork(program, [settings], {
        env: { ...process.env, ...pool },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const [ready] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
      if (ready !== 'ready') throw new Error(`node-llama-cpp did not start: exit ${ready}`);
      child.on('message', (message) => {
        const { id, token, error, answer } =
          /** @type {{ id: number, token?: true, error?: string, answer: Answer }} */ (message);
        const waiter = waiting.get(id);
        if (token === true) return waiter?.onToken?.();
        waiting.delete(id);
        if (error === undefined) waiter?.resolve(answer);
        else waiter?.reject(new Error(error));
      });
    },
    measure: (round) => measureLoad(ask, load, round),
    async stop() {
      child?.disconnect();
      if (child?.exitCode === null) await once(child, 'exit');
    },
  };
}
