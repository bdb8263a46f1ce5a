/** A process that forks the engine named by its argument, tells its parent the engine's pid, and waits to be killed. */
import { fork } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const engine = fork(fileURLToPath(process.argv[2]), [], { serialization: 'advanced' });
engine.once('message', () => process.send(engine.pid));
setInterval(() => {}, 60_000);
