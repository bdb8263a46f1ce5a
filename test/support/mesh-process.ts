/** Starts test/support/mesh-node.mjs, and waits for its output. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { dist } from './dist.js';

const root = join(import.meta.dirname, '../..');

export interface MeshLine {
  readonly event: string;
  readonly key?: string;
  readonly message?: string;
  readonly holdsLocal?: boolean;
}

export class MeshProcess {
  static readonly #running = new Set<MeshProcess>();
  readonly #lines: MeshLine[] = [];
  readonly #child: ChildProcess;
  #heard = (): void => {};

  constructor(localPort: number, role: 'server' | 'client', seedByte: number) {
    const seed = seedByte.toString(16).padStart(2, '0').repeat(32);
    const args = [join(root, 'test/support/mesh-node.mjs'), dist, String(localPort), role, seed];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#lines.push(JSON.parse(line) as MeshLine);
      this.#heard();
    });
    MeshProcess.#running.add(this);
  }

  /** Forgets the output so far. */
  forget(): void {
    this.#lines.length = 0;
  }

  /** The first line that matches, past or future. */
  async says(fits: (line: MeshLine) => boolean, withinMs = 15_000): Promise<MeshLine> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const line = this.#lines.find(fits);
      if (line) return line;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw new Error(`not said within ${withinMs} ms; said: ${JSON.stringify(this.#lines.slice(-20))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    MeshProcess.#running.delete(this);
    const exited =
      this.#child.exitCode === null && this.#child.signalCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.kill(signal);
    await exited;
  }

  static async endAll(): Promise<void> {
    await Promise.all([...MeshProcess.#running].map((process) => process.end('SIGKILL')));
  }
}
