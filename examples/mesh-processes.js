/** Runs `qmesh` commands as processes that share a temporary home, for the examples that start a whole mesh. `end` stops them all. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const qmesh = fileURLToPath(new URL('../dist/cli/qmesh.js', import.meta.url));

export class MeshProcesses {
  #home = mkdtempSync(join(tmpdir(), 'qmesh-example-'));
  /** @type {import('node:child_process').ChildProcess[]} */
  #children = [];

  /**
   * Starts `qmesh …` and resolves with the first line of its log that tells this event.
   * @param {string[]} args
   * @param {string} event
   * @param {Record<string, string>} env
   * @returns {Promise<Record<string, any>>}
   */
  start(args, event, env = {}) {
    const child = this.#spawn(args, env, ['ignore', 'pipe', 'inherit']);
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`qmesh ${args[0]} ended with ${code}`)));
      createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stdout) }).on('line', (line) => {
        const said = JSON.parse(line);
        if (said.event === event) resolve(said);
      });
    });
  }

  /**
   * Runs `qmesh …` in this terminal. Resolves with its exit code.
   * @param {string[]} args
   * @param {Record<string, string>} env
   * @returns {Promise<number>}
   */
  run(args, env) {
    const child = this.#spawn(args, env, 'inherit');
    return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  }

  async end() {
    const running = this.#children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const ended = running.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of running.reverse()) child.kill('SIGTERM');
    await Promise.all(ended);
    rmSync(this.#home, { recursive: true, force: true });
  }

  /**
   * @param {string[]} args
   * @param {Record<string, string>} env
   * @param {import('node:child_process').StdioOptions} stdio
   */
  #spawn(args, env, stdio) {
    return spawn(process.execPath, [qmesh, ...args], {
      env: { ...process.env, QMESH_HOME: this.#home, QMESH_HOST: '127.0.0.1', QMESH_ADMIN: 'off', ...env },
      stdio,
    });
  }
}
