/**
 * The devices for computing: as llama.cpp sees them, asked in a separate process, and the graphics cards that the
 * system lists.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { graphics } from 'systeminformation';
import type { DevicesAnswer } from '../../engine/devices.js';
import { systemClock } from '../../runtime/clock.js';
import { describeExit } from '../engine-exit.js';

/** Loading a graphics card's libraries for the first time takes seconds. */
const answerMs = 20_000;
const maxStderrTail = 2_048;

/** @param entry module of another process, for tests. */
export function askDevices(entry = new URL('../../engine/devices.js', import.meta.url)): Promise<DevicesAnswer> {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(entry), [], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let stderrTail = '';
    const settle = (answer: DevicesAnswer): void => {
      systemClock.clearTimeout(timer);
      child.kill('SIGKILL');
      resolve(answer);
    };
    const timer = systemClock.setTimeout(
      () => settle({ problem: `it said nothing for ${answerMs / 1_000} s` }),
      answerMs,
    );
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderrTail = (stderrTail + text).slice(-maxStderrTail);
    });
    child.on('message', (answer) => settle(answer as DevicesAnswer));
    child.on('error', (error) => settle({ problem: error.message }));
    child.on('close', (code, signal) => settle({ problem: describeExit({ code, signal, stderrTail }) }));
  });
}

export interface Card {
  readonly name: string;
  readonly memoryBytes: number;
}

/** Cards that could compute; the display adapters of virtual machines and servers are left out. */
export async function findCards(): Promise<readonly Card[]> {
  const { controllers } = await graphics();
  return controllers
    .filter(({ vendor, model }) => /nvidia|amd|ati\b|advanced micro|apple|intel/i.test(`${vendor} ${model}`))
    .map(({ vendor, model, vram }) => ({
      name: model.includes(vendor) ? model : `${vendor} ${model}`.trim(),
      memoryBytes: (vram ?? 0) * 2 ** 20,
    }));
}
