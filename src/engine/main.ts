/**
 * Entry of an engine process (`dist/engine/main.js`), forked by src/actors/engine-process.ts: the failure domain of native
 * code. It holds a piscina pool with one inference thread and passes messages between that thread and the parent, so the
 * parent is answered even while a batch is being computed.
 *
 * Ends: exit 0 after `stop`; by its own hand when the parent is gone, since nobody is left to serve; by llama.cpp's abort
 * when a model is hostile. It never ends a thread that may be computing: that would abort the process.
 */
import process from 'node:process';
import { MessageChannel } from 'node:worker_threads';

import { Piscina } from 'piscina';

import type { InferenceTask } from './inference-thread.js';
import type { EngineEvent } from './messages.js';

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// A terminal sends these to the whole process group; when an engine ends is for its parent to say.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('SIGHUP', () => {});

const pool = new Piscina<InferenceTask, void>({
  filename: new URL('inference-thread.js', import.meta.url).href,
  minThreads: 1,
  maxThreads: 1,
  idleTimeout: Infinity,
  atomics: 'disabled', // the default would freeze the thread's event loop while it has no task, and its port with it
});

const { port1, port2 } = new MessageChannel();
port1.on('message', (events: readonly EngineEvent[]) => process.send?.(events));
process.on('message', (command) => port1.postMessage(command));

await pool.run({ port: port2 }, { transferList: [port2] });
process.exit(0);
