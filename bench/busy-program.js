/** A program that keeps one core busy beside what is measured, and how fast it makes progress. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { endWithUs } from './children.js';

const program = fileURLToPath(new URL('probes/busy-program.js', import.meta.url));

export async function startBusyProgram() {
  const child = endWithUs(spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] }));
  /** Its own time and steps. */
  let latest = { ms: 0, steps: 0 };
  const lines = createInterface({ input: child.stdout }).on('line', (line) => {
    const [ms = NaN, steps = NaN] = line.split(' ').map(Number);
    latest = { ms, steps };
  });
  await once(lines, 'line');
  return {
    /** Begins to measure; what it returns ends that and gives the steps per millisecond. */
    watch() {
      const from = latest;
      return () => (latest.steps - from.steps) / (latest.ms - from.ms);
    },
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
