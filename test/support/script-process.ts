/** A program of this repository as a process that prints JSON lines. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { processEnv } from './own-temporary-folder.js';
import { until } from './real-network.js';

export interface Line {
  readonly event?: string;
  readonly [field: string]: unknown;
}

export class ScriptProcess {
  static readonly running = new Set<ScriptProcess>();
  readonly lines: Line[] = [];
  errors = '';
  readonly child: ChildProcess;
  readonly exit: Promise<unknown>;

  constructor(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [script, ...args], {
      env: { ...processEnv, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.exit = once(this.child, 'exit').then(([code]) => code as unknown);
    ScriptProcess.running.add(this);
  }

  last(event: string): Line | undefined {
    return this.lines.findLast((line) => line.event === event);
  }

  async says(event: string): Promise<Line> {
    await until(
      () => this.last(event) !== undefined || this.child.exitCode !== null,
      `${event}; ${this.errors}`,
      30_000,
    );
    return this.last(event) ?? {};
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    ScriptProcess.running.delete(this);
    this.child.kill(signal);
    if (this.child.exitCode === null && this.child.signalCode === null) await this.exit;
  }
}
