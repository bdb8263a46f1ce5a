/** The worker as a program: `node dist/worker.js`. The same as `qmesh worker`. */
import { startProgram } from './cli/start-program.js';

await startProgram(async () => (await import('./cli/commands/worker.js')).workerCommand().name('worker.js'));
