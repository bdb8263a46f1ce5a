/** The worker as a program: `node dist/worker.js`. The same as `qmesh worker`. */
import { workerCommand } from './cli/commands/worker.js';
import { runProgram } from './cli/run-program.js';

await runProgram(workerCommand().name('worker.js'));
