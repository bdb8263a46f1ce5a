/** `qmesh pause`: the worker finishes running requests and accepts no new ones from others. Survives a restart. */
import { Command, InvalidArgumentError } from 'commander';
import { maxPauseMs } from '../../actors/control/messages.js';
import { systemClock } from '../../runtime/clock.js';
import { withManual } from '../manual.js';
import { parseDurationMs } from '../owner/duration.js';
import { showState } from '../owner/show.js';
import { print, tellWorker, withOwnerOptions, type OwnerOptions } from '../owner/worker-here.js';

export const pauseCommand = (): Command =>
  withManual(
    withOwnerOptions(
      new Command('pause').description('Make the worker on this machine answer only your own requests.'),
    ).option('--for <time>', 'resume by itself after this long, such as 90m, 2h or 1d', duration),
    {
      about: ['Running answers are finished. A pause survives a restart of the worker.'],
      examples: [
        ['qmesh pause', 'until qmesh resume'],
        ['qmesh pause --for 2h', 'for two hours'],
      ],
      see: ['qmesh resume', 'qmesh worker --schedule'],
    },
  ).action(async (options: OwnerOptions & { readonly for?: number }) => {
    const { for: forMs, ...shared } = options;
    const report = await tellWorker(shared, { do: 'pause', ...(forMs === undefined ? {} : { forMs }) });
    if (options.json === true) print(report, options);
    else process.stdout.write(`The worker is ${showState(report, systemClock.now())}.\n`);
  });

function duration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms > maxPauseMs)
    throw new InvalidArgumentError('A time is written as 90m, 2h, 1h30m or 1d, up to a year.');
  return ms;
}
