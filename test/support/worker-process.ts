/**
 * A real worker, `node dist/worker.js`, with its own home and its own DHT on loopback, and what /proc reports about it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { dist } from './dist.js';
import { keyPairFromSeed, type KeyPair } from '../../src/protocol/keys.js';
import { processEnv } from './own-temporary-folder.js';
import { signalProcess } from './signal.js';

const require = createRequire(import.meta.url);
const createTestnet = require('hyperdht/testnet.js') as (
  size: number,
  options: { host: string },
) => Promise<{ bootstrap: { host: string; port: number }[]; destroy(): Promise<void> }>;

const workerPath = join(dist, 'worker.js');
const readyMs = 45_000;
const stopMs = 10_000;

export interface Testnet {
  readonly nodes: { host: string; port: number }[];
  /** In the format of `QMESH_BOOTSTRAP`. */
  readonly bootstrap: string;
  destroy(): Promise<void>;
}

export async function startTestnet(): Promise<Testnet> {
  const testnet = await createTestnet(3, { host: '127.0.0.1' });
  const nodes = testnet.bootstrap;
  const bootstrap = nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  return { nodes, bootstrap, destroy: () => testnet.destroy() };
}

/** A line of the worker's log; for anything else, `text` alone. */
export interface LogLine {
  readonly event?: string;
  readonly text: string;
  readonly [field: string]: unknown;
}

export class WorkerProcess {
  readonly home: string;
  readonly lines: LogLine[] = [];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #testnet: Pick<Testnet, 'bootstrap'>;
  readonly #prefix: readonly string[];
  readonly #heard = new Set<() => void>();

  /**
   * Not ready yet when this resolves: see `ready`.
   * @param prefix a command that runs its arguments elsewhere (test/support/namespaces.ts)
   */
  static async start(
    testnet: Pick<Testnet, 'bootstrap'>,
    env: Readonly<Record<string, string>> = {},
    home?: string,
    prefix: readonly string[] = [],
  ): Promise<WorkerProcess> {
    return new WorkerProcess(testnet, home ?? (await mkdtemp(join(tmpdir(), 'qmesh-worker-'))), env, prefix);
  }

  private constructor(
    testnet: Pick<Testnet, 'bootstrap'>,
    home: string,
    env: Readonly<Record<string, string>>,
    prefix: readonly string[],
  ) {
    this.#testnet = testnet;
    this.#prefix = prefix;
    this.home = home;
    const command = [...prefix, process.execPath, workerPath] as const;
    this.#child = spawn(command[0], command.slice(1), {
      cwd: home,
      env: {
        ...processEnv,
        HOME: home,
        QMESH_HOME: home,
        QMESH_BOOTSTRAP: testnet.bootstrap,
        QMESH_HOST: '127.0.0.1',
        QMESH_ADMIN: 'off',
        QMESH_THREADS: '1', // two on a machine that does other things too would spin and wait for each other
        QMESH_LOG_LEVEL: 'info',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#wake();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
    for (const output of [this.#child.stdout, this.#child.stderr])
      if (output !== null)
        createInterface({ input: output }).on('line', (text) => {
          this.lines.push(parsed(text));
          this.#wake();
        });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** 32 bytes; whoever has them is the worker's owner. */
  get ownerSeed(): Uint8Array {
    return Buffer.from(readFileSync(join(this.home, 'identity.key'), 'utf8').trim(), 'hex');
  }

  /** The key pair with which a client asks as its owner. */
  get owner(): KeyPair {
    return keyPairFromSeed(this.ownerSeed);
  }

  /** The fields of its ready line. */
  async ready(): Promise<{ readonly workerId: string }> {
    const { workerId } = await this.says(({ event }) => event === 'worker.ready', readyMs);
    return { workerId: workerId as string };
  }

  /** The first line from number `from` on that matches, past or future. */
  async says(fits: (line: LogLine) => boolean, withinMs = 30_000, from = 0): Promise<LogLine> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const line = this.lines.slice(from).find(fits);
      if (line !== undefined) return line;
      const why = this.isRunning ? `not said within ${withinMs} ms` : 'the worker ended and had not said it';
      if (!this.isRunning || performance.now() >= deadline) throw new Error(`${why}; it said:\n${this.#tail()}`);
      await this.#somethingNew(deadline - performance.now());
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends it to its engines too: everything stops, or ends, as when its machine does. */
  signalAll(signal: NodeJS.Signals): void {
    for (const pid of [this.pid, ...this.engines()]) signalProcess(pid, signal);
  }

  /** Its live engine processes. */
  engines(): number[] {
    return childrenOf(this.pid).filter((pid) => commandOf(pid).includes('engine/main.js'));
  }

  /** Its processor time, without its engines. */
  cpuMs(): number {
    const fields = statOf(this.pid);
    return 10 * (Number(fields[11]) + Number(fields[12])); // utime and stime, in ticks of 1/100 s
  }

  /** Ends it in good order, unless it has ended already, and starts it again in the same home. */
  async restart(env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
    this.signal('SIGTERM');
    await this.exited;
    return new WorkerProcess(this.#testnet, this.home, env, this.#prefix);
  }

  /** Ends it, however it stands, and removes its home. */
  async stop(): Promise<void> {
    if (this.isRunning) this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), stopMs);
    await this.exited;
    clearTimeout(timer);
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  #tail(): string {
    return this.lines
      .slice(-20)
      .map(({ text }) => text)
      .join('\n');
  }

  #wake(): void {
    for (const heard of this.#heard) heard();
  }

  #somethingNew(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#heard.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#heard.add(done);
    });
  }
}

/** Whether this process has the file open or mapped: which model an engine serves. */
export function holdsFile(pid: number, path: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8').includes(path);
  } catch {
    return false;
  }
}

/** What the process holds in memory. */
export function memoryMb(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

export function isAlive(pid: number): boolean {
  const [state] = statOf(pid);
  return state !== undefined && state !== 'Z';
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && statOf(pid)[1] === String(parent));
}

/** The fields of /proc/PID/stat from the state on; none where the process is gone. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function parsed(text: string): LogLine {
  try {
    return { ...(JSON.parse(text) as object), text };
  } catch {
    return { text };
  }
}
