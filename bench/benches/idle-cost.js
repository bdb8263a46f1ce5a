/** What an idle worker costs its owner: memory, and processor use, of the worker process and its engine. */
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { childrenOf, processSeconds, residentBytes } from '../cpu.js';
import { localMesh } from '../local-mesh.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';
import { startWorker } from '../worker-process.js';

export const name = 'idle-cost';
export const about = 'memory and processor use of an idle worker (Linux)';

const mebibyte = 2 ** 20;

/** @param {import('../context.js').Context} context */
export async function run({ scratch, rounds, smoke, say }) {
  const network = await localMesh();
  const settleMs = smoke ? 500 : 10_000;
  const windowMs = smoke ? 1_000 : 30_000;
  /** @type {import('../worker-process.js').WorkerProcess | undefined} */
  let worker;
  const contender = {
    name: 'worker',
    async start() {
      worker = await startWorker({ QMESH_HOME: join(scratch, 'idle'), QMESH_BOOTSTRAP: network.bootstrap });
      await delay(settleMs);
    },
    async measure() {
      const pid = worker?.pid ?? 0;
      const engines = childrenOf(pid);
      const cpuBefore = [pid, ...engines].map(processSeconds);
      const started = performance.now();
      await delay(windowMs);
      const seconds = (performance.now() - started) / 1000;
      const shares = [pid, ...engines].map(
        (each, index) => (100 * (processSeconds(each) - (cpuBefore[index] ?? 0))) / seconds,
      );
      return {
        workerMemory: residentBytes(pid) / mebibyte,
        engineMemory: engines.reduce((sum, engine) => sum + residentBytes(engine), 0) / mebibyte,
        workerCpu: shares[0] ?? NaN,
        engineCpu: shares.slice(1).reduce((sum, share) => sum + share, 0),
      };
    },
    async stop() {
      await worker?.stop();
      await network.destroy();
    },
  };
  const measured = await runRounds([contender], { rounds, keepDisturbed: smoke, say });
  const metrics = {
    workerMemory: { label: 'resident memory, worker process', unit: 'MiB' },
    engineMemory: { label: 'resident memory, engine process', unit: 'MiB' },
    workerCpu: { label: 'processor, worker process', unit: '% of a core' },
    engineCpu: { label: 'processor, engine process', unit: '% of a core' },
  };
  return resultOf(name, { model: 'demo', settleMs, windowMs }, metrics, [contender.name], measured);
}
