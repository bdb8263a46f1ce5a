/**
 * What the admin page costs the worker: requests per second with the admin server off, with it on but unused, and with
 * a page open. Uses a model that costs nothing, so that the worker's own work is measured; with a real model the share
 * is far smaller.
 */
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { mesh } from '../contenders/mesh.js';
import { processSeconds } from '../cpu.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';
import { promptOf, smokeLoad } from '../workload.js';
import { writeModel } from '../../dist/gguf/models.js';

export const name = 'inspection';
export const about = 'requests per second with the admin page off, closed and open';

/** As many as there are slots: none waits in the queue. */
const streams = 4;

/** @param {import('../context.js').Context} context */
export async function run(context) {
  const { scratch, smoke, rounds, say } = context;
  const modelPath = join(scratch, 'tiny.gguf');
  await writeModel('bench-tiny', modelPath);
  const asks = smoke ? 2 : 150;
  const contenders = [
    contender('admin off', { context, modelPath, asks, isOn: false, isOpen: false }),
    contender('page closed', { context, modelPath, asks, isOn: true, isOpen: false }),
    contender('page open', { context, modelPath, asks, isOn: true, isOpen: true }),
  ];
  const measured = await runRounds(contenders, { rounds, keepDisturbed: smoke, say });
  /** @type {Record<string, import('../report.js').Metric>} */
  const metrics = {
    requestsPerSecond: { label: `${streams} streams of short requests`, unit: 'requests/s', compare: 'ratio' },
    workerCpuMs: { label: 'processor of the worker process', unit: 'ms/request', compare: 'ratio' },
  };
  const names = contenders.map((each) => each.name);
  return resultOf(name, { ...smokeLoad, model: 'bench-tiny', streams, asks }, metrics, names, measured);
}

/**
 * @param {string} contenderName
 * @param {{ context: import('../context.js').Context, modelPath: string, asks: number, isOn: boolean, isOpen: boolean }} setup
 * @returns {import('../rounds.js').Contender}
 */
function contender(contenderName, { context, modelPath, asks, isOn, isOpen }) {
  const scratch = join(context.scratch, contenderName.replace(' ', '-'));
  /** @type {ReturnType<typeof mesh> | undefined} */
  let worker;
  let close = () => {};
  return {
    name: contenderName,
    async start() {
      mkdirSync(scratch, { recursive: true });
      const admin = isOn ? `127.0.0.1:${await freePort()}` : 'off';
      worker = mesh(
        { ...context, scratch, modelPath, load: smokeLoad, threads: 1 },
        { environment: { QMESH_ADMIN: admin } },
      );
      await worker.start();
      if (isOpen) close = await readEvents(admin);
    },
    async measure(round) {
      if (worker === undefined) throw new Error('the worker is not started');
      const { ask, workerPid } = worker;
      const cpuBefore = processSeconds(workerPid());
      const started = performance.now();
      await Promise.all(
        Array.from({ length: streams }, async (_, stream) => {
          for (let turn = 0; turn < asks; turn++) {
            const seed = ((round + 2) * 1_000 + turn) * streams + stream;
            await ask({ prompt: promptOf(smokeLoad.promptTokens, seed), maxTokens: smokeLoad.maxTokens, seed });
          }
        }),
      );
      const seconds = (performance.now() - started) / 1000;
      const requests = streams * asks;
      return {
        requestsPerSecond: requests / seconds,
        workerCpuMs: (1000 * (processSeconds(workerPid()) - cpuBefore)) / requests,
      };
    },
    async stop() {
      close();
      await worker?.stop();
    },
  };
}

/**
 * Reads what an open page reads, and throws it away.
 * @param {string} address
 * @returns {Promise<() => void>} closes it
 */
function readEvents(address) {
  return new Promise((resolve, reject) => {
    const request = get(`http://${address}/events`, (response) => {
      response.resume();
      resolve(() => request.destroy());
    });
    request.on('error', reject); // once it reads, its end is of no interest: a promise is settled once
  });
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
