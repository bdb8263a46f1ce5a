/**
 * The real EnginePort: forks engine processes (src/engine/main.ts) and passes messages. Policy (restarts, backoff,
 * quarantine) is in the engine machine.
 *
 * An engine inherits no debugger and no test runner's hooks, yields processor time and memory to other programs, and
 * talks only to its parent.
 */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { EngineEvent } from '../engine/messages.js';
import type { EnginePort, EngineProcess, EngineProcessEvents } from './ports.js';

/** Effects measured with a model of 0.5 billion weights on 2 cores. */
const environment = {
  /**
   * Decoding on a pool of four threads is a third slower. With one thread, native work also runs in the order it was
   * requested.
   */
  UV_THREADPOOL_SIZE: '1',
  /** Weights in huge pages, if the system grants them on request (glibc 2.35 or later): a fifth less time per token. */
  GLIBC_TUNABLES: [process.env.GLIBC_TUNABLES, 'glibc.malloc.hugetlb=1'].filter(Boolean).join(':'),
};
/**
 * An engine uses little JavaScript memory, mostly short-lived, but by default V8 lets it grow by 80 MB before it
 * collects. The old-space limit is ten times what the largest vocabularies need; a file that needs more is not a model.
 */
const heapLimits = ['--max-semi-space-size=1', '--max-old-space-size=2048'];

/**
 * Added to the score by which Linux picks a process to kill when memory runs out, in thousandths of all memory. An
 * engine is restarted and its requests survive, so it should die before the worker (with its queue and connections) or
 * one of the owner's programs.
 */
const outOfMemoryScore = 500;

/** Characters kept of stderr, where a native abort states its reason. */
const maxStderrTail = 8 * 1024;

export interface ForkOptions {
  /** The engine's built entry; tests that run from sources pass their own. */
  readonly entry?: URL;
  /** The system refuses to lower an engine's priority: it competes with other programs as an equal. */
  readonly onPriorityRefused?: (error: unknown) => void;
}

export function forkEngine(options: ForkOptions = {}): EnginePort {
  const entry = fileURLToPath(options.entry ?? new URL('../engine/main.js', import.meta.url));
  return { spawn: (on) => spawn(entry, on, options.onPriorityRefused) };
}

/** Called right after the fork: on Linux a priority belongs to a thread, and only threads created later inherit it. */
function giveWay(pid: number, onPriorityRefused: ForkOptions['onPriorityRefused']): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (error) {
    onPriorityRefused?.(error);
  }
  if (process.platform !== 'linux') return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(outOfMemoryScore));
  } catch {
    // a service with a higher score may not lower it
  }
}

function spawn(
  entry: string,
  on: EngineProcessEvents,
  onPriorityRefused: ForkOptions['onPriorityRefused'],
): EngineProcess {
  const child = fork(entry, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: heapLimits,
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
  });
  if (child.pid !== undefined) giveWay(child.pid, onPriorityRefused);
  let stderrTail = '';
  let gone = false;
  const exited = (code: number | null, signal: string | null): void => {
    if (gone) return;
    gone = true;
    on.exited({ code, signal, stderrTail });
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderrTail = (stderrTail + text).slice(-maxStderrTail);
  });
  child.on('message', (events) => {
    for (const event of events as readonly EngineEvent[]) if (!gone) on.message(event);
  });
  child.on('close', exited); // after `exit`, when stderr has been read completely
  child.on('error', (error) => {
    stderrTail = (stderrTail + error.message).slice(-maxStderrTail);
    if (child.pid === undefined) exited(null, null); // it could not be started
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
