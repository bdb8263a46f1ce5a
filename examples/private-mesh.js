/**
 * A mesh of one's own on one machine: `node examples/private-mesh.js`.
 *
 * A DHT that nobody else knows, a name that keeps this mesh apart from others on it, and a worker that serves one friend only. On several
 * machines it is the same, with the address of the first instead of 127.0.0.1: docs/private-mesh.md.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { keyPairFromSeed, QMeshClient, RequestError } from 'qmesh';

const qmesh = fileURLToPath(new URL('../dist/cli/qmesh.js', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'qmesh-private-'));
/** @type {import('node:child_process').ChildProcess[]} */
const children = [];

/**
 * Starts `qmesh …` and resolves with the first line of its log that tells this event.
 * @param {string[]} args
 * @param {string} event
 * @param {Record<string, string>} env
 * @returns {Promise<Record<string, any>>}
 */
function start(args, event, env = {}) {
  const child = spawn(process.execPath, [qmesh, ...args], {
    env: { ...process.env, QMESH_HOME: home, QMESH_HOST: '127.0.0.1', QMESH_ADMIN: 'off', ...env },
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

/**
 * Asks as this identity.
 * @param {string} bootstrap
 * @param {import('qmesh').KeyPair} identity
 */
async function ask(bootstrap, identity) {
  const client = await QMeshClient.connect({ bootstrap, network: 'acme', host: '127.0.0.1', identity });
  try {
    return await client.generate({ prompt: 'count from 5', options: { maxTokens: 8 }, patienceMs: 3_000 });
  } finally {
    await client.close();
  }
}

const friend = keyPairFromSeed(randomBytes(32));
const stranger = keyPairFromSeed(randomBytes(32));

try {
  const { bootstrap } = await start(['dht', '--port', '0', '--host', '127.0.0.1', '--json'], 'dht.ready');
  console.log(`A DHT of our own: ${bootstrap}`);
  const settings = { QMESH_BOOTSTRAP: bootstrap, QMESH_NETWORK: 'acme', QMESH_ALLOW: friend.publicKeyHex };
  const { workerId } = await start(['worker'], 'worker.ready', settings);
  console.log(`Worker ${workerId.slice(0, 8)} serves the mesh "acme", and there its friend only.`);
  console.log(`The friend is answered: ${(await ask(bootstrap, friend)).text}`);
  await ask(bootstrap, stranger).then(
    () => Promise.reject(new Error('The stranger was answered.')),
    (error) => {
      if (!(error instanceof RequestError)) throw error;
      console.log(`A stranger is not: ${error.code}`);
    },
  );
} finally {
  const ended = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const child of children.reverse()) child.kill('SIGTERM');
  await Promise.all(ended);
  rmSync(home, { recursive: true, force: true });
}
