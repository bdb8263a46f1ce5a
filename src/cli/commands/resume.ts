/** `qmesh resume`: the worker works for others again; outside its schedule, until the schedule's next change. */
import { Command } from 'commander';
import { systemClock } from '../../runtime/clock.js';
import { withManual } from '../manual.js';
import { showState } from '../owner/show.js';
import { print, tellWorker, withOwnerOptions, type OwnerOptions } from '../owner/worker-here.js';

export const resumeCommand = (): Command =>
  withManual(
    withOwnerOptions(new Command('resume').description('Make the worker on this machine work for others again.')),
    {
      about: ['Outside its schedule it works until the schedule next changes.'],
      examples: [['qmesh resume', 'after qmesh pause']],
    },
  ).action(async (options: OwnerOptions) => {
    const report = await tellWorker(options, { do: 'resume' });
    if (options.json === true) print(report, options);
    else process.stdout.write(`The worker is ${showState(report, systemClock.now())}.\n`);
  });
