/** The whole chain: a client in this process, Noise over loopback, its own DHT, a worker process, its engine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QMeshClient } from '../../dist/index.js';
import { keyPairFromSeed } from '../../dist/protocol/keys.js';
import { localMesh } from '../local-mesh.js';
import { startWorker } from '../worker-process.js';
import { measureLoad, promptOf } from '../workload.js';

/**
 * @param {import('../context.js').Context} context
 * @param {{ nodeOptions?: readonly string[], environment?: Record<string, string>, settleMs?: number }} [options] the first two for the
 *   worker process; `settleMs`: how long it computes by itself before each measurement
 * @returns {import('../workload.js').Asked & { workerPid: () => number, health: () => { capacity: number, state: string } | undefined }}
 */
export function mesh({ modelPath, load, threads, scratch }, { nodeOptions = [], environment = {}, settleMs = 0 } = {}) {
  /** What was started, in order. @type {(() => Promise<unknown>)[]} */
  const stops = [];
  /** @type {QMeshClient | undefined} */
  let client;
  let workerPid = 0;

  /** @type {import('../workload.js').Ask} */
  const ask = async ({ prompt, maxTokens, seed }, { onTokens, signal } = {}) => {
    if (client === undefined) throw new Error('the client is not connected');
    const started = performance.now();
    let firstTokenMs = NaN;
    const stream = client.stream(
      { prompt, options: { maxTokens, temperature: 0, seed } },
      { ...(signal && { signal }) },
    );
    let heard = 0;
    for await (const chunk of stream) {
      heard += chunk.tokens;
      onTokens?.(chunk.tokens);
      if (Number.isNaN(firstTokenMs) && chunk.text !== '') firstTokenMs = performance.now() - started;
    }
    const { usage } = await stream.result;
    if (signal?.aborted === true)
      return { promptTokens: NaN, completionTokens: heard, firstTokenMs, totalMs: performance.now() - started };
    if (usage === undefined) throw new Error('the answer came without its number of tokens');
    return { ...usage, firstTokenMs, totalMs: performance.now() - started };
  };

  return {
    name: 'qmesh mesh',
    ask,
    workerPid: () => workerPid,
    /** What the worker last said of its machine. */
    health: () => client?.workers()[0]?.status.health,
    async start() {
      const network = await localMesh();
      stops.push(() => network.destroy());
      const home = join(scratch, 'mesh');
      const worker = await startWorker(
        {
          QMESH_HOME: home,
          QMESH_BOOTSTRAP: network.bootstrap,
          QMESH_MODEL: modelPath,
          QMESH_SLOTS: String(load.slots),
          QMESH_CONTEXT: String(load.contextSize),
          QMESH_THREADS: String(threads),
          ...environment,
        },
        nodeOptions,
      );
      workerPid = worker.pid;
      stops.push(() => worker.stop());
      // As the worker's owner: a guest may ask 15 times a minute.
      const identity = keyPairFromSeed(Buffer.from(readFileSync(join(home, 'identity.key'), 'utf8').trim(), 'hex'));
      const connected = await QMeshClient.connect({ bootstrap: network.bootstrap, host: '127.0.0.1', identity });
      stops.push(() => connected.close());
      client = connected;
    },
    async measure(round) {
      const settledAt = performance.now() + settleMs;
      for (let seed = 0; performance.now() < settledAt; seed++)
        await ask({ prompt: promptOf(load.promptTokens, seed), maxTokens: load.maxTokens, seed });
      return measureLoad(ask, load, round);
    },
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
