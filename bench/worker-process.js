/** A worker started the way a user does (`node dist/worker.js`), with its own home, on its own mesh on loopback. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { endWithUs } from './children.js';

const program = fileURLToPath(new URL('../dist/worker.js', import.meta.url));
const readyDeadlineMs = 60_000;
const stopDeadlineMs = 15_000;
/** Of what a worker says before it fails, the end is shown. */
const maxLogLines = 20;

/**
 * @typedef {object} WorkerProcess
 * @property {number} pid
 * @property {number} readyMs from spawn to the line that says it is ready
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a worker and waits until it says that it is ready.
 * @param {Record<string, string>} environment its settings; none of the caller's own are passed on
 * @param {readonly string[]} [nodeOptions]
 * @returns {Promise<WorkerProcess>}
 */
export async function startWorker(environment, nodeOptions = []) {
  const started = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, program], {
    env: { ...foreignEnvironment(), QMESH_ADMIN: 'off', GPU_LAYERS: '0', QMESH_HOST: '127.0.0.1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithUs(child);
  const log = /** @type {string[]} */ ([]);
  /** @param {string} line */
  const remember = (line) => {
    log.push(line);
    if (log.length > maxLogLines) log.shift();
  };
  createInterface({ input: child.stderr }).on('line', remember);
  const lines = createInterface({ input: child.stdout }).on('line', remember);
  const exited = once(child, 'exit');
  const ready = new Promise((resolve) =>
    lines.on('line', (line) => line.includes('"event":"worker.ready"') && resolve('ready')),
  );
  const deadline = new Promise((resolve) => setTimeout(resolve, readyDeadlineMs, 'deadline').unref());
  const outcome = await Promise.race([ready, exited, deadline]);
  if (outcome !== 'ready' || child.pid === undefined) {
    child.kill('SIGKILL');
    const how = outcome === 'deadline' ? `was not ready within ${readyDeadlineMs} ms` : `ended with ${child.exitCode}`;
    throw new Error(`the worker ${how}. It said:\n${log.join('\n')}`);
  }
  return {
    pid: child.pid,
    readyMs: performance.now() - started,
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
      await exited;
      clearTimeout(late);
    },
  };
}

/** This process's environment without what configures QMesh: the bench says what it measures. */
function foreignEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('QMESH_')));
}
