/**
 * Runs a worker from another program: `node examples/run-worker.js`, after `npm run build`.
 *
 * A worker is a process of its own, so it is started as one. It says what it does in JSON lines; one of them says that
 * it serves. Everything it can be told is in its environment (docs/configuration.md): here a folder for its identity, and
 * nothing else, so it serves the demo model on this machine's own mesh. Ctrl-C ends it in good order.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const worker = spawn(process.execPath, [fileURLToPath(new URL('../dist/worker.js', import.meta.url))], {
  env: { QMESH_HOME: '.qmesh/example-worker', ...process.env },
  stdio: ['ignore', 'pipe', 'inherit'],
});

createInterface({ input: worker.stdout }).on('line', (line) => {
  const entry = JSON.parse(line);
  if (entry.event !== 'worker.ready') return;
  console.log(`Worker ${entry.workerId.slice(0, 8)} serves. Ask it: node examples/basic-client.js "count from 5"`);
});

process.on('SIGINT', () => {}); // the terminal sends it to the worker too: wait until that has drained
process.on('SIGTERM', () => worker.kill('SIGTERM'));
worker.on('exit', (code) => process.exit(code ?? 1));
