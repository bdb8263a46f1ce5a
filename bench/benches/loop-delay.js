/**
 * Event-loop delay of the worker while its engine decodes on every core: how long a frame or a timer may have to wait.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import process from 'node:process';
import { mesh } from '../contenders/mesh.js';
import { settingsOf } from '../context.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';

export const name = 'loop-delay';
export const about = 'event-loop delay of the worker while its engine decodes';

const answerDeadlineMs = 5_000;
const pollMs = 20;

/** @param {import('../context.js').Context} context */
export async function run(context) {
  const file = join(context.scratch, 'loop-delay.jsonl');
  const probe = new URL('../probes/loop-delay.js', import.meta.url).href;
  const contender = mesh(context, { nodeOptions: ['--import', probe], environment: { LOOP_DELAY_FILE: file } });
  let seen = 0;
  /** What the probe saw since it was last asked. @returns {Promise<Record<string, number>>} */
  const ask = async () => {
    process.kill(contender.workerPid(), 'SIGUSR2');
    const deadline = performance.now() + answerDeadlineMs;
    while (performance.now() < deadline) {
      const lines = linesOf(file);
      if (lines.length > seen) return JSON.parse(lines[seen++] ?? '');
      await delay(pollMs);
    }
    throw new Error(`the worker did not answer SIGUSR2 within ${answerDeadlineMs} ms`);
  };
  const watched = {
    ...contender,
    /** @param {number} round */
    async measure(round) {
      await ask();
      await contender.measure(round);
      return ask();
    },
  };
  const measured = await runRounds([watched], {
    rounds: context.rounds,
    keepDisturbed: context.smoke,
    say: context.say,
  });
  const metrics = {
    p50: { label: 'event-loop delay, median', unit: 'ms' },
    p99: { label: 'event-loop delay, 99 %', unit: 'ms' },
    max: { label: 'event-loop delay, longest', unit: 'ms' },
  };
  return resultOf(name, settingsOf(context), metrics, [contender.name], measured);
}

/** @param {string} file */
function linesOf(file) {
  try {
    return readFileSync(file, 'utf8').trim().split('\n');
  } catch {
    return []; // not written yet
  }
}
