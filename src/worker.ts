/** The worker as a program: `node dist/worker.js`. The same as `qmesh worker`. */
import { exitCode, report } from './cli/failure.js';
import { workerCommand } from './cli/commands/worker.js';

try {
  await workerCommand().name('worker.js').parseAsync();
  process.exit(exitCode.done);
} catch (error) {
  process.exit(report(error, false));
}
