/**
 * Runs a worker from another program: `node examples/run-worker.js`, after `npm run build`.
 *
 * A worker runs in a process of its own. It logs JSON lines; the event `worker.ready` says that it serves. Its settings come from
 * the environment (docs/configuration.md). Here that is only a folder for its identity, so it serves the demo model in this
 * machine's own mesh. Ctrl-C stops it after the running answers.
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
