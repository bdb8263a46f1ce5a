/**
 * The real EnginePort: forks engine processes (src/engine/main.ts) and passes messages. Policy (restarts, backoff,
 * quarantine) is the engine machine's.
 *
 * An engine inherits no debugger and no test runner's hooks, gives way to the other programs of the machine, in memory as in processor
 * time, and speaks to nobody but its parent.
 */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { EngineEvent } from '../engine/messages.js';
import type { EnginePort, EngineProcess, EngineProcessEvents } from './ports.js';

/** Measured with a model of 0.5 billion weights on 2 cores: what each is worth. */
const environment = {
  /** Decoding on a pool of four threads costs a third of the speed; and on one, native work is done in the order it is asked for. */
  UV_THREADPOOL_SIZE: '1',
  /** Weights in huge pages, where the system gives them to those who ask (glibc 2.35 or later): a fifth less time for a token. */
  GLIBC_TUNABLES: [process.env.GLIBC_TUNABLES, 'glibc.malloc.hugetlb=1'].filter(Boolean).join(':'),
};
/**
 * JavaScript's share of an engine is small, and mostly short-lived: left to itself V8 lets it grow by 80 MB before it cleans up. The
 * limit holds what the largest vocabularies take ten times over; what wants more is no model.
 */
const heapLimits = ['--max-semi-space-size=1', '--max-old-space-size=2048'];

/**
 * Added to what Linux counts, in thousandths of all memory, when memory runs out and a process has to die. An engine is started again, and its
 * requests survive it: better one of those than the worker, with its queue and connections, or a program of the owner's.
 */
const outOfMemoryScore = 500;

/** Where a native abort says why, in characters kept. */
const maxStderrTail = 8 * 1024;

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

/** At once: on Linux a priority is a thread's, and only threads made later inherit it. */
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
    // a service that has a higher one may not lower it
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
  child.on('close', exited); // after `exit`, once stderr was read to its end
  child.on('error', (error) => {
    stderrTail = (stderrTail + error.message).slice(-maxStderrTail);
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
