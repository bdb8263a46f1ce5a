/** A real worker, `node dist/worker.js`, in a home of its own and a DHT of its own on loopback. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const createTestnet = require('hyperdht/testnet.js') as (
  size: number,
  options: { host: string },
) => Promise<{ bootstrap: { host: string; port: number }[]; destroy(): Promise<void> }>;

const workerPath = fileURLToPath(new URL('../../../dist/worker.js', import.meta.url));
const readyMs = 45_000;

export interface WorkerProcess {
  readonly bootstrap: { host: string; port: number }[];
  /** What its ready line said. */
  readonly ready: { readonly workerId: string };
  readonly exited: boolean;
  stop(): Promise<void>;
}

export async function startWorker(env: Record<string, string>): Promise<WorkerProcess> {
  const testnet = await createTestnet(3, { host: '127.0.0.1' });
  const home = await mkdtemp(join(tmpdir(), 'qmesh-conformance-'));
  const child = spawn(process.execPath, [workerPath], {
    env: {
      PATH: process.env.PATH,
      HOME: home,
      QMESH_HOME: home,
      QMESH_BOOTSTRAP: testnet.bootstrap.map(({ host, port }) => `${host}:${port}`).join(','),
      QMESH_HOST: '127.0.0.1',
      QMESH_ADMIN: 'off',
      QMESH_LOG_LEVEL: 'info',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    const isRunning = () => child.exitCode === null && child.signalCode === null;
    if (isRunning()) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    if (isRunning()) await ended;
    clearTimeout(timer);
    await testnet.destroy();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const ready = await readyLine(child);
    return {
      bootstrap: testnet.bootstrap,
      ready,
      stop,
      get exited() {
        return child.exitCode !== null || child.signalCode !== null;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The log line that says so, or an error with the last of what was said instead. */
function readyLine(child: ChildProcess): Promise<{ workerId: string }> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string) => {
      reject(new Error(`${why}; it said:\n${said.slice(-20).join('\n')}`));
    };
    const timer = setTimeout(() => fail(`the worker was not ready within ${readyMs} ms`), readyMs);
    const read = (line: string) => {
      said.push(line);
      if (!line.includes('"event":"worker.ready"')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as { workerId: string });
    };
    for (const output of [child.stdout, child.stderr])
      if (output !== null) createInterface({ input: output }).on('line', read);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`the worker ended before it was ready (code ${String(code)}, signal ${String(signal)})`);
    });
  });
}
