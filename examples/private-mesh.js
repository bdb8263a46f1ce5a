/**
 * A private mesh, here all on one machine: `node examples/private-mesh.js`.
 *
 * It has a DHT of its own, a name that keeps it apart from other meshes on that DHT, and a worker that serves one friend only. On several
 * machines it works the same, with the address of the first one instead of 127.0.0.1: see docs/private-mesh.md.
 */
import { randomBytes } from 'node:crypto';
import { keyPairFromSeed, QMeshClient, RequestError } from 'qmesh';
import { MeshProcesses } from './mesh-processes.js';

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

const mesh = new MeshProcesses();
try {
  const { bootstrap } = await mesh.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json'], 'dht.ready');
  console.log(`A DHT of our own: ${bootstrap}`);
  const settings = { QMESH_BOOTSTRAP: bootstrap, QMESH_NETWORK: 'acme', QMESH_ALLOW: friend.publicKeyHex };
  const { workerId } = await mesh.start(['worker'], 'worker.ready', settings);
  console.log(`Worker ${workerId.slice(0, 8)} serves one friend in the mesh "acme".`);
  console.log(`The friend is answered: ${(await ask(bootstrap, friend)).text}`);
  await ask(bootstrap, stranger).then(
    () => Promise.reject(new Error('The stranger was answered.')),
    (error) => {
      if (!(error instanceof RequestError)) throw error;
      console.log(`A stranger is not: ${error.code}`);
    },
  );
} finally {
  await mesh.end();
}
