/** `qmesh status`: the state of this home's worker. Exit code 1 if none is running. */
import { Command } from 'commander';
import { withManual } from '../manual.js';
import { print, tellWorker, withOwnerOptions, type OwnerOptions } from '../owner/worker-here.js';

export const statusCommand = (): Command =>
  withManual(withOwnerOptions(new Command('status').description('Show how the worker on this machine is doing.')), {
    about: ['The exit code is 1 if none is running.'],
    examples: [
      ['qmesh status', 'in words'],
      ['qmesh status --json | jq .slots', 'for programs'],
    ],
    see: ['qmesh top'],
  }).action(async (options: OwnerOptions) => print(await tellWorker(options, { do: 'status' }), options));
