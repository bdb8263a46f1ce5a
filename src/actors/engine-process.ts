/**
 * The real EnginePort: forks engine processes (src/engine/main.ts) and passes messages. Policy (restarts, backoff,
 * quarantine) is the engine machine's.
 *
 * An engine inherits no debugger and no test runner's hooks, keeps one thread in libuv's pool (decoding on a pool of four costs
 * a third of the speed), gives way to the other programs of the machine, and speaks to nobody but its parent.
 */
import { fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { EngineEvent } from '../engine/messages.js';
import type { EnginePort, EngineProcess, EngineProcessEvents } from './ports.js';

/** Where a native abort says why, in characters kept. */
const MAX_STDERR_TAIL = 8 * 1024;

export interface ForkOptions {
  /** Built entry of the engine; tests that run from sources name it. */
  readonly entry?: URL;
  /** The system does not let engines give way to other programs: they compute as everybody does. */
  readonly onPriorityRefused?: (error: unknown) => void;
}

export function forkEngine(options: ForkOptions = {}): EnginePort {
  const entry = fileURLToPath(options.entry ?? new URL('../engine/main.js', import.meta.url));
  return { spawn: (on) => spawn(entry, on, options.onPriorityRefused) };
}

function spawn(
  entry: string,
  on: EngineProcessEvents,
  onPriorityRefused: ForkOptions['onPriorityRefused'],
): EngineProcess {
  const child = fork(entry, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '', UV_THREADPOOL_SIZE: '1' },
  });
  // Here and at once: on Linux a priority is a thread's, and only threads made later inherit it.
  try {
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (error) {
    onPriorityRefused?.(error);
  }
  let stderrTail = '';
  let gone = false;
  const exited = (code: number | null, signal: string | null): void => {
    if (gone) return;
    gone = true;
    on.exited({ code, signal, stderrTail });
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderrTail = (stderrTail + text).slice(-MAX_STDERR_TAIL);
  });
  child.on('message', (events) => {
    for (const event of events as readonly EngineEvent[]) if (!gone) on.message(event);
  });
  child.on('close', exited); // after `exit`, once stderr was read to its end
  child.on('error', (error) => {
    stderrTail = (stderrTail + error.message).slice(-MAX_STDERR_TAIL);
    if (child.pid === undefined) exited(null, null); // could not be started at all
  });
  return {
    get pid() {
      return child.pid;
    },
    send: (command) => {
      if (child.connected) child.send(command, () => {}); // a failed send means that `exited` is on its way
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
