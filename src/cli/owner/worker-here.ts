/** Access to this home's worker, for its owner's commands. */
import type { Command } from 'commander';
import { askWorker } from '../../actors/control/ask.js';
import type { ControlAnswer, ControlRequest, WorkerReport } from '../../actors/control/messages.js';
import type { Home } from '../../actors/home/home.js';
import { systemClock } from '../../runtime/clock.js';
import { messageOf } from '../../runtime/errors.js';
import { CommandError } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { showReport } from './show.js';

export type OwnerOptions = Readonly<Record<string, unknown>> & { readonly json?: boolean };

/** Declares the options that all of these commands take. */
export const withOwnerOptions = (command: Command): Command =>
  withSettings(command, ['home']).option('--json', 'print the state of the worker as one JSON object');

/** @throws CommandError with `no_worker` if none is running */
export async function tellWorker(options: OwnerOptions, request: ControlRequest): Promise<WorkerReport> {
  const { home } = readSettings(options).values;
  const answer = await askHere({ path: home }, request);
  if (answer === 'none')
    throw new CommandError(
      'no worker is running here',
      `No worker uses the home ${home}.`,
      'Start one with: qmesh worker. If its home is elsewhere, give it with --home.',
      { code: 'no_worker' },
    );
  if ('report' in answer) return answer.report;
  throw new CommandError('the worker did not do it', answer.error.message, '', { code: answer.error.code });
}

/** @throws CommandError if a worker is running but cannot be asked */
export async function askHere<Answer = ControlAnswer>(home: Home, request: ControlRequest): Promise<Answer | 'none'> {
  const answer = await askWorker<Answer>(home, request).catch((error: unknown) => {
    throw new CommandError(
      'the worker cannot be reached',
      messageOf(error),
      'Run this as the user whose worker it is.',
      {
        code: 'unreachable',
      },
    );
  });
  if (answer !== 'silent') return answer;
  throw new CommandError(
    'the worker does not answer',
    `It runs on ${home.path} and said nothing for 5 s.`,
    'It may be frozen. If it stays so, end its process: other workers continue its answers.',
    { code: 'silent' },
  );
}

export function print(report: WorkerReport, { json }: OwnerOptions): void {
  process.stdout.write(`${json === true ? JSON.stringify(report) : showReport(report, systemClock.now())}\n`);
}
