/** `qmesh stop`: shuts down this home's worker, and returns when it is gone. Ctrl-C only ends the waiting. */
import { Command } from 'commander';
import { askWorker } from '../../actors/control/ask.js';
import type { WorkerReport } from '../../actors/control/messages.js';
import { systemClock } from '../../runtime/clock.js';
import { exitCode } from '../failure.js';
import { readSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { print, tellWorker, withOwnerOptions, type OwnerOptions } from '../owner/worker-here.js';

const lookEveryMs = 250;

export const stopCommand = (): Command =>
  withManual(
    withOwnerOptions(
      new Command('stop').description('Stop the worker on this machine, after it has finished what it is answering.'),
    ).option('--now', 'do not wait: running answers continue on other workers'),
    {
      about: ['It returns when the worker has stopped. Ctrl-C ends only the waiting.'],
      examples: [
        ['qmesh stop', 'after the running answers'],
        ['qmesh stop --now', 'at once'],
      ],
    },
  ).action((options: OwnerOptions & { readonly now?: boolean }) => stop(options));

async function stop(options: OwnerOptions & { readonly now?: boolean }): Promise<void> {
  const { now = false, ...shared } = options;
  const report = await tellWorker(shared, { do: 'stop', now });
  const say = (text: string): void => {
    if (options.json !== true) process.stdout.write(`${text}\n`);
  };
  process.once('SIGINT', () => {
    say('\nThe worker is still stopping, by itself.');
    process.exit(exitCode.interrupted);
  });
  await untilGone(report, { path: readSettings(shared).values.home }, say);
  if (options.json === true) print(report, options);
  else say('The worker has stopped.');
}

/** Polls four times a second, too often for the process id to be reused unnoticed. */
async function untilGone(
  { pid }: WorkerReport,
  home: { readonly path: string },
  say: (text: string) => void,
): Promise<void> {
  let said = '';
  while (isAlive(pid)) {
    const answer = process.stdout.isTTY ? await askWorker(home, { do: 'status' }).catch(() => 'none' as const) : 'none';
    const text = typeof answer === 'object' && 'report' in answer ? progress(answer.report) : said;
    if (text !== said) say(text);
    said = text;
    await new Promise<void>((resolve) => void systemClock.setTimeout(resolve, lookEveryMs));
  }
}

const progress = ({ slots: { busy } }: WorkerReport): string =>
  busy === 0 ? 'Closing …' : `Finishing ${busy === 1 ? 'one answer' : `${busy} answers`} …`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
