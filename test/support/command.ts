/** The real command line, `node dist/cli/qmesh.js`, with its own homes and local meshes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { dist } from './dist.js';
import { processEnv } from './own-temporary-folder.js';

const root = join(import.meta.dirname, '../..');

export interface Ended {
  /** Exit code, or the name of the signal that ended it. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The first line of stdout that contains `text`; fails if the command ends before. */
  says(text: string): Promise<string>;
}

export class CommandLine {
  readonly #running = new Set<ChildProcess>();
  readonly #folders: string[] = [];

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'qmesh-cli-'));
    this.#folders.push(path);
    return path;
  }

  /** Starts `qmesh args…` with only the given environment; `input` is everything on stdin. */
  start(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    entry = 'cli/qmesh.js',
    input?: string,
  ): Command {
    const startedMs = performance.now();
    const child = spawn(process.execPath, [resolve(dist, entry), ...args], {
      cwd: env.QMESH_HOME ?? root,
      env: { ...processEnv, HOME: env.QMESH_HOME, QMESH_LOG_LEVEL: 'info', ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(input);
    this.#running.add(child);
    const said = { stdout: '', stderr: '' };
    let heard = (): void => {};
    for (const name of ['stdout', 'stderr'] as const)
      child[name]!.setEncoding('utf8').on('data', (text: string) => {
        said[name] += text;
        heard();
      });
    let isOver = false;
    const ended = new Promise<Ended>((done) =>
      child.once('close', (code, signal) => {
        isOver = true;
        this.#running.delete(child);
        done({ code: signal ?? code, ...said, tookMs: performance.now() - startedMs });
        heard();
      }),
    );
    const says = async (text: string): Promise<string> => {
      for (;;) {
        const line = said.stdout.split('\n').find((candidate) => candidate.includes(text));
        if (line !== undefined) return line;
        if (isOver) throw new Error(`it ended without saying ${text}:\n${said.stdout}\n${said.stderr}`);
        await new Promise<void>((resolve) => (heard = resolve));
      }
    };
    return { child, ended, says };
  }

  run(args: readonly string[], env: Readonly<Record<string, string>>, entry?: string, input?: string): Promise<Ended> {
    return this.start(args, env, entry, input).ended;
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#running].map((child) => {
        const closed = new Promise((done) => child.once('close', done));
        child.kill('SIGKILL');
        return closed;
      }),
    );
    await Promise.all(this.#folders.map((path) => rm(path, { recursive: true, force: true, maxRetries: 5 })));
  }
}

/** A UDP port of 127.0.0.1 that is in use until the returned function is called. */
export async function occupyPort(port = 0): Promise<{ port: number; free: () => Promise<void> }> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind({ address: '127.0.0.1', port, exclusive: true }, bound));
  return { port: socket.address().port, free: () => new Promise((freed) => socket.close(freed)) };
}

/** A free UDP port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const { port, free } = await occupyPort();
  await free();
  return port;
}
