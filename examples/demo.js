/**
 * All of QMesh at once (`npm run demo`): a bootstrap node, a worker with the built-in demo model, and a client that asks it,
 * each in its own process. The mesh ends with this program.
 */
import process from 'node:process';
import { MeshProcesses } from './mesh-processes.js';

const mesh = new MeshProcesses();
try {
  const { bootstrap } = await mesh.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json'], 'dht.ready');
  console.log(`A DHT of our own runs on ${bootstrap}.`);
  const env = { QMESH_BOOTSTRAP: bootstrap };
  const { workerId, models } = await mesh.start(['worker'], 'worker.ready', env);
  console.log(`Worker ${workerId.slice(0, 8)}… serves ${models.join(', ')}.`);
  console.log('\n$ qmesh ask "count from 5" --max-tokens 20');
  process.exitCode = await mesh.run(['ask', 'count from 5', '--max-tokens', '20'], env);
} finally {
  await mesh.end();
}
