/**
 * The whole of QMesh in one go, as `npm run demo` runs it: a bootstrap node, a worker with the built-in demo model, and a
 * client that asks it, each in a process of its own, in a mesh that ends with this program.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const qmesh = fileURLToPath(new URL('../dist/cli/qmesh.js', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'qmesh-demo-'));
/** @type {import('node:child_process').ChildProcess[]} */
const children = [];

/**
 * Starts `qmesh …` and resolves with the first log line that has this event.
 * @param {string[]} args
 * @param {string} event
 * @param {Record<string, string>} env
 * @returns {Promise<Record<string, any>>}
 */
function start(args, event, env = {}) {
  const child = spawn(process.execPath, [qmesh, ...args], {
    env: { ...process.env, QMESH_HOME: home, QMESH_HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`qmesh ${args[0]} ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line);
      if (said.event === event) resolve(said);
    });
  });
}

try {
  const { bootstrap } = await start(['dht', '--port', '0', '--host', '127.0.0.1', '--json'], 'dht.ready');
  console.log(`A DHT of our own runs on ${bootstrap}.`);
  const { workerId, models } = await start(['worker'], 'worker.ready', { QMESH_BOOTSTRAP: bootstrap });
  console.log(`Worker ${workerId.slice(0, 8)}… serves ${models.join(', ')}.`);
  console.log('\n$ qmesh ask "count from 5" --max-tokens 20');
  const asked = spawn(process.execPath, [qmesh, 'ask', 'count from 5', '--max-tokens', '20'], {
    env: { ...process.env, QMESH_HOME: home, QMESH_HOST: '127.0.0.1', QMESH_BOOTSTRAP: bootstrap },
    stdio: 'inherit',
  });
  process.exitCode = await new Promise((resolve) => asked.once('exit', resolve));
} finally {
  const ended = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const child of children.reverse()) child.kill('SIGTERM');
  await Promise.all(ended);
  rmSync(home, { recursive: true, force: true });
}
