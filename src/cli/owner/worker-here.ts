/** The worker of this home, as the commands of its owner reach it. */
import type { Command } from 'commander';
import { askWorker } from '../../actors/control/ask.js';
import type { ControlRequest, WorkerReport } from '../../actors/control/messages.js';
import { systemClock } from '../../runtime/clock.js';
import { CommandError } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { showReport } from './show.js';

export type OwnerOptions = Readonly<Record<string, unknown>> & { readonly json?: boolean };

/** Declares what all of them take. */
export const withOwnerOptions = (command: Command): Command =>
  withSettings(command, ['home']).option('--json', 'print the state of the worker as one JSON object');

/** @throws CommandError with `no_worker` where none runs. */
export async function tellWorker(options: OwnerOptions, request: ControlRequest): Promise<WorkerReport> {
  const { home } = readSettings(options).values;
  const answer = await askWorker({ path: home }, request).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError('the worker cannot be reached', why, 'Run this as the user whose worker it is.', {
      reason: 'unreachable',
    });
  });
  if (answer === 'none')
    throw new CommandError(
      'no worker is running here',
      `Nobody listens in ${home}.`,
      'Start one with: qmesh worker. One on another home is reached with --home.',
      { reason: 'no_worker' },
    );
  if (answer === 'silent')
    throw new CommandError(
      'the worker does not answer',
      `It runs on ${home} and said nothing for 5 s.`,
      'It may be stopped or stuck: end its process if that goes on. What it answers goes on at other workers.',
      { reason: 'silent' },
    );
  if ('report' in answer) return answer.report;
  throw new CommandError('the worker did not do it', answer.error.message, '', { reason: answer.error.code });
}

export function print(report: WorkerReport, { json }: OwnerOptions): void {
  process.stdout.write(`${json === true ? JSON.stringify(report) : showReport(report, systemClock.now())}\n`);
}
